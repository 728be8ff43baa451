import AMQP
import Harebell
import HarebellRabbitMQ
import Synchronization
import TestSupport
import Testing

/// What a service depends on, for a test: up or down, with an account of who called.
private final class Dependency: Sendable {
    struct State {
        var isUp = true
        var callsWhileDown: [ContinuousClock.Instant] = []
        var answered: [Int: Int] = [:]
    }
    private let state = Mutex(State())

    func call(_ event: Paid, _ context: HandlerContext) throws {
        let isUp = state.withLock { state in
            if state.isUp {
                state.answered[event.number, default: 0] += 1
            } else {
                state.callsWhileDown.append(.now)
            }
            return state.isUp
        }
        guard isUp else { throw DependencyDownError("no answer") }
    }

    func set(isUp: Bool) { state.withLock { $0.isUp = isUp } }
    var account: State { state.withLock { $0 } }
}

@Suite(.timeLimit(.minutes(2))) struct OutageTests {
    private static let outage: Duration = .seconds(20)
    private static let firstWait: Duration = .milliseconds(250)
    private static let longestWait: Duration = .seconds(2)

    @Test func `an outage costs nothing: none lost, none dead-lettered, one call per probe, others go on`() async throws
    {
        try await withVirtualHost { url in
            let dependency = Dependency()
            let others = Mutex(Set<Int>())
            let count = 3_000
            try await withSystem(url, prefetch: 50) { system in
                system.worker(
                    "email", retry: .none,
                    breaker: BreakerPolicy(
                        "mail server", consecutiveFailures: 5, firstWait: Self.firstWait, longestWait: Self.longestWait)
                ) {
                    Subscription(to: Paid.self) { event, context in try dependency.call(event, context) }
                }
                system.worker("pdf") {
                    Subscription(to: Paid.self) { event, _ in others.withLock { _ = $0.insert(event.number) } }
                }
            } body: { system in
                let worker = try #require(system.workers.first)
                let publisher = system.publisher("payout")
                dependency.set(isUp: false)
                let down = ContinuousClock.now
                try await withThrowingDiscardingTaskGroup { group in
                    for part in 0..<10 {
                        group.addTask {
                            for number in 0..<count / 10 {
                                let number = part * (count / 10) + number
                                try await publisher.publish(Paid(loan: "l\(number)", number: number))
                            }
                        }
                    }
                }
                try await eventually("the breaker opens") { worker.state == .broken }
                let opened = ContinuousClock.now
                try await eventually("the other service goes on", within: .seconds(30)) {
                    others.withLock { $0.count } == count
                }
                while ContinuousClock.now < down + Self.outage {
                    #expect(worker.messagesInHand <= 1 || ContinuousClock.now < opened + .seconds(1))
                    try await Task.sleep(for: .milliseconds(100))
                }
                let during = dependency.account
                dependency.set(isUp: true)
                try await eventually("all are handled", within: .seconds(40)) {
                    dependency.account.answered.count == count
                }
                #expect(worker.state == .running)
                try await eventually("no copy is left", within: .seconds(10)) {
                    try await system.depth("email") + system.depth("email.due") == 0
                }
                let dead = try await system.depth("email.dead")
                #expect(dead == 0)
                #expect(dependency.account.answered.values.allSatisfy { $0 == 1 })
                // Those in hand when it opened, and then no two calls nearer than a probe's wait allows.
                let probes = during.callsWhileDown.filter { $0 > opened + .milliseconds(100) }
                let gaps = zip(probes, probes.dropFirst()).map { $1 - $0 }
                #expect(gaps.allSatisfy { $0 >= Self.firstWait * 0.8 })
                #expect(probes.count >= 5 && probes.count <= 25)
                #expect(during.callsWhileDown.count <= 100 + probes.count)
                print(
                    "outage of \(Self.outage): \(count) published, \(dependency.account.answered.count) handled, 0 twice,",
                    "\(dead) dead-lettered, \(during.callsWhileDown.count) calls of which \(probes.count) probes")
            }
        }
    }

    @Test func `probes and their copies do not raise a delivery count`() async throws {
        try await withVirtualHost { url in
            let dependency = Dependency()
            try await withSystem(url, prefetch: 5) { system in
                system.worker(
                    "email",
                    breaker: BreakerPolicy(
                        "mail server", consecutiveFailures: 1, firstWait: .milliseconds(60),
                        longestWait: .milliseconds(60))
                ) {
                    Subscription(to: Paid.self) { event, context in try dependency.call(event, context) }
                }
            } body: { system in
                let worker = try #require(system.workers.first)
                dependency.set(isUp: false)
                for number in 0..<5 {
                    try await system.publisher("payout").publish(Paid(loan: "one", number: number))
                }
                try await eventually("thirty probes", within: .seconds(30)) {
                    dependency.account.callsWhileDown.count > 30
                }
                await worker.pause()
                try await eventually { worker.messagesInHand == 0 }
                try await eventually("all are in the queues") {
                    try await system.depth("email") + system.depth("email.due") == 5
                }
                let counts = try await system.withChannel { channel in
                    var counts: [Int64] = []
                    var held: [Delivery] = []
                    for queue in ["email", "email.due"] {
                        while let delivery = try await channel.get(queue) {
                            counts.append(try delivery.properties().headers["x-delivery-count"]?.integerValue ?? 0)
                            #expect(try delivery.properties().headers["harebell-attempt"]?.integerValue ?? 0 == 0)
                            held.append(delivery)
                        }
                    }
                    // Only now, or the same one would come again.
                    for delivery in held { delivery.nack(requeue: true) }
                    return counts
                }
                #expect(counts.count == 5 && counts.allSatisfy { $0 <= 3 })
                dependency.set(isUp: true)
                await worker.resume()
                try await eventually { dependency.account.answered.count == 5 }
                let dead = try await system.depth("email.dead")
                #expect(dead == 0)
            }
        }
    }
}
