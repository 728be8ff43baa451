import Testing

@testable import AMQP

@Suite struct `Recovery policy` {
    private let policy = RecoveryPolicy(
        initialDelay: .milliseconds(100), maximumDelay: .seconds(2), multiplier: 2, jitter: 0.5,
        refusedDelay: .seconds(10))

    @Test func `delays double up to the maximum`() {
        let delays = (1...7).map { policy.delay(afterFailures: $0, random: 0) }
        #expect(
            delays == [
                .milliseconds(100), .milliseconds(200), .milliseconds(400), .milliseconds(800), .milliseconds(1600),
                .seconds(2), .seconds(2),
            ])
        #expect(policy.delay(afterFailures: 1_000_000_000, random: 0) == .seconds(2))
        #expect(policy.delay(afterFailures: 0, random: 0) == .milliseconds(100))
    }

    @Test func `jitter shortens them by its share at most`() {
        var generator = SplitMix(state: 5)
        for _ in 0..<1000 {
            let delay = policy.delay(afterFailures: 3, random: .random(in: 0..<1, using: &generator))
            #expect(delay <= .milliseconds(400))
            #expect(delay > .milliseconds(200))
        }
    }

    @Test(arguments: [Double.infinity, 1e300, 0, -2, .nan])
    func `odd numbers make a delay all the same`(number: Double) {
        let odd = RecoveryPolicy(multiplier: number, jitter: number)
        for failures in [1, 2, 50] {
            let delay = odd.delay(afterFailures: failures, random: 0.5)
            #expect(delay >= .milliseconds(100))
            #expect(delay <= .seconds(5))
        }
    }

    @Test func `a refused login is not tried hot`() {
        #expect(policy.delay(afterFailures: 1, isRefused: true, random: 0.999) >= .seconds(5))
    }

    @Test func `the host that failed comes last`() {
        var rotation = HostRotation(["a", "b", "c"].map { AMQPConfiguration.Host(name: $0) })
        rotation.failed(.init(name: "a"))
        #expect(rotation.hosts.map(\.name) == ["b", "c", "a"])
        rotation.failed(.init(name: "c"))
        #expect(rotation.hosts.map(\.name) == ["b", "a", "c"])
        rotation.failed(.init(name: "unknown"))
        #expect(rotation.hosts.map(\.name) == ["b", "a", "c"])
    }
}
