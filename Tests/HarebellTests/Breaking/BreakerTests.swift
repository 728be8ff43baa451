import HarebellTesting
import Testing

@testable import Harebell

private let transient = FailureClassification.transient(retryAfter: nil)
private let down = FailureClassification.dependencyDown(retryAfter: nil)

@Suite struct BreakerTests {
    private let breaker = Box(
        Breaker(
            BreakerPolicy(
                "partner", consecutiveFailures: 3, failureRate: 0.5, window: .seconds(10), minimumSamples: 10,
                firstWait: .seconds(4), longestWait: .seconds(10), jitter: 0)))

    @discardableResult
    private func fail(
        _ delivery: Int = 1, _ classification: FailureClassification = transient, at seconds: Int = 0
    ) -> Duration? {
        breaker { $0.failed(delivery, classification, at: .seconds(seconds), random: 0.5) }.comesBackAfter
    }

    private func succeed(_ delivery: Int = 1, at seconds: Int = 0) -> Breaker.Transition? {
        breaker { $0.succeeded(delivery, at: .seconds(seconds)) }
    }

    private var state: BreakerState { breaker.value.state }

    private func openIt() {
        for _ in 0..<3 { fail() }
    }

    /// The wait is over and a delivery has come.
    private func probe(_ delivery: Int, at seconds: Int) {
        breaker { $0.tick(at: .seconds(seconds)) }
        #expect(breaker { $0.arrived(delivery) })
    }

    @Test func `it opens after so many failures in a row, also when nothing has ever succeeded`() {
        #expect(fail() == nil)
        #expect(fail() == nil)
        #expect(state == .closed)
        // The call that opens it does not count, and comes back a little after the first probe.
        #expect(fail() == .milliseconds(4_400))
        #expect(state == .open)
        #expect(breaker.value.opensUntil == .seconds(4))
        #expect(!breaker.value.admits(1, again: false))
    }

    @Test func `a success in between starts the count anew`() {
        for _ in 0..<3 {
            fail()
            fail()
            #expect(succeed() == nil)
        }
        #expect(state == .closed)
    }

    @Test func `it opens at a share of failures among enough calls`() {
        for second in 0..<4 {
            fail(at: second)
            #expect(succeed(at: second) == nil)
        }
        fail(at: 4)
        #expect(state == .closed, "nine calls are no rate")
        fail(at: 4)
        #expect(state == .open)
    }

    @Test func `calls outside the window do not count for the rate`() {
        for second in 0..<20 {
            fail(at: second * 4)
            #expect(succeed(at: second * 4) == nil)
        }
        #expect(state == .closed)
    }

    @Test func `what is permanent never counts, and what is transient only where it is to`() {
        for _ in 0..<20 { #expect(fail(1, .permanent) == nil) }
        #expect(state == .closed)
        breaker.value = Breaker(BreakerPolicy("db", consecutiveFailures: 2, counting: .dependencyDown))
        for _ in 0..<50 { #expect(fail() == nil) }
        #expect(state == .closed)
        fail(1, down)
        fail(1, down)
        #expect(state == .open)
    }

    @Test func `one delivery is the probe, and its success closes the breaker`() {
        openIt()
        #expect(!breaker { $0.arrived(7) }, "the wait is not over")
        breaker { $0.tick(at: .milliseconds(3_999)) }
        #expect(state == .open)
        probe(8, at: 4)
        #expect(state == .probing)
        #expect(!breaker { $0.arrived(9) }, "there is one")
        #expect(breaker.value.admits(8, again: false) && !breaker.value.admits(8, again: true))
        #expect(!breaker.value.admits(9, again: false))
        #expect(succeed(9, at: 5) == nil, "it began before the breaker opened")
        #expect(succeed(8, at: 5) == .closed)
        #expect(state == .closed)
        #expect(fail() == nil, "it counts from the start")
    }

    @Test func `waits grow with each failed probe, up to the longest`() {
        openIt()
        var now = 4
        for wait in [8, 10, 10, 10] {
            probe(now, at: now)
            #expect(fail(now, at: now) == .seconds(wait) * 11 / 10)
            #expect(breaker.value.opensUntil == .seconds(now + wait))
            now += wait
        }
        probe(now, at: now)
        #expect(succeed(now, at: now) == .closed)
        openIt()
        #expect(breaker.value.opensUntil == .seconds(4), "the next outage begins with the first wait")
    }

    @Test func `failures that come late do not count, and prolong nothing`() {
        openIt()
        #expect(fail(5, at: 1) == .seconds(3) * 11 / 10)
        #expect(breaker.value.opensUntil == .seconds(4))
        probe(8, at: 4)
        #expect(fail(6, at: 4) != nil)
        #expect(state == .probing)
    }

    @Test func `a probe that proves nothing makes room for another, after a wait if its handler was called`() {
        openIt()
        probe(8, at: 4)
        #expect(breaker { $0.ended(8, wasCalled: false, at: .seconds(4), random: 0.5) } == nil)
        #expect(breaker { $0.arrived(9) })
        #expect(fail(9, .permanent, at: 4) == nil)
        #expect(
            breaker { $0.ended(9, wasCalled: true, at: .seconds(4), random: 0.5) } == .opened(wait: .seconds(4)))
        #expect(state == .open)
    }

    @Test func `a dependency that says when it will be back is believed, within bounds`() {
        for _ in 0..<3 { fail(1, .dependencyDown(retryAfter: .seconds(7))) }
        #expect(breaker.value.opensUntil == .seconds(7))
        probe(8, at: 7)
        fail(8, .dependencyDown(retryAfter: .seconds(3_600)), at: 7)
        #expect(breaker.value.opensUntil == .seconds(17))
    }

    @Test func `a last attempt is spared until something has succeeded since`() {
        let bad = EventID("bad")
        #expect(breaker { $0.spares(bad, at: .seconds(1)) } != nil)
        #expect(breaker { $0.spares(bad, at: .seconds(2)) } != nil)
        #expect(succeed(3, at: 3) == nil)
        #expect(breaker { $0.spares(EventID("other"), at: .seconds(4)) } != nil, "its first time")
        #expect(breaker { $0.spares(bad, at: .seconds(4)) } == nil)
        for number in 0..<3_000 { _ = breaker { $0.spares(EventID("\(number)"), at: .seconds(5)) } }
    }

    @Test(arguments: 1...20 as ClosedRange<UInt64>)
    func `whatever happens, one delivery at most is admitted while it is not closed`(seed: UInt64) {
        var generator = SeededGenerator(seed: seed)
        var breaker = Breaker(BreakerPolicy("partner", consecutiveFailures: 2, firstWait: .seconds(1)))
        var now = Duration.zero
        for _ in 0..<2_000 {
            now += .milliseconds(Int.random(in: 0..<400, using: &generator))
            let delivery = Int.random(in: 0..<6, using: &generator)
            let random = Double.random(in: 0..<1, using: &generator)
            let before = breaker
            switch Int.random(in: 0..<6, using: &generator) {
            case 0: breaker.tick(at: now)
            case 1: _ = breaker.arrived(delivery)
            case 2: _ = breaker.ended(delivery, wasCalled: random < 0.5, at: now, random: random)
            case 3: _ = breaker.succeeded(delivery, at: now)
            case 4:
                let delay = breaker.failed(delivery, transient, at: now, random: random).comesBackAfter
                #expect((delay != nil) == (breaker.state != .closed), "it counts only while closed")
                #expect((delay ?? .zero) >= .zero && (delay ?? .zero) <= .seconds(60) * 1.2 * 1.1)
            default: _ = breaker.failed(delivery, .permanent, at: now, random: random)
            }
            let admitted = (0..<6).filter { breaker.admits($0, again: false) }
            #expect(breaker.state == .closed ? admitted.count == 6 : admitted.count <= 1)
            if before.state == .open, breaker.state == .probing {
                #expect(now >= before.opensUntil ?? .zero, "never before its time")
            }
            if before.state != .closed, breaker.state == .closed {
                #expect(before.probe == delivery, "only a probe closes it")
            }
        }
    }
}

@Suite struct BreakerPolicyTests {
    @Test func `its waits grow from the first to the longest, within the jitter`() {
        let policy = BreakerPolicy("smtp")
        #expect(
            (1...8).map { policy.wait(round: $0, random: 0.5) } == [1, 2, 4, 8, 16, 32, 60, 60].map { .seconds($0) })
        #expect(policy.wait(round: 1_000_000, random: 1) == .seconds(72))
        #expect(policy.wait(round: 0, random: 0) == .milliseconds(800))
    }

    @Test func `mistakes are found when the worker starts, all at once`() async {
        var bench = Bench()
        bench.configuration.breaker = BreakerPolicy(
            "x", consecutiveFailures: 0, failureRate: 2, minimumSamples: 0, firstWait: .seconds(9), longestWait: .zero)
        let worker = bench.worker { Subscription(to: Ping.self) { _, _ in } }
        let error = await #expect(throws: HarebellError.self) { try await worker.run() }
        for word in ["in a row", "failure rate", "sample", "longest wait"] {
            #expect(error?.message.contains(word) == true)
        }
    }
}
