import AMQP
import Foundation
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

/// A service whose dependency is down for a while, and another in the same process that needs none.
private struct Outage {
    let length: Duration
    /// How many events are published meanwhile.
    let count: Int
    let breaker: BreakerPolicy

    func run() async throws {
        try await withVirtualHost { url in
            let dependency = Dependency()
            let others = Mutex(Set<Int>())
            try await withSystem(url, prefetch: 50) { system in
                system.worker("email", retry: .none, breaker: breaker) {
                    Subscription(to: Paid.self) { event, context in try dependency.call(event, context) }
                }
                system.worker("pdf") {
                    Subscription(to: Paid.self) { event, _ in others.withLock { _ = $0.insert(event.number) } }
                }
            } body: { system in
                let worker = try #require(system.workers.first)
                dependency.set(isUp: false)
                let down = ContinuousClock.now
                try await publish(with: system.publisher("payout"))
                try await eventually("the breaker opens") { worker.state == .broken }
                let opened = ContinuousClock.now
                try await eventually("the other service goes on", within: .seconds(60)) {
                    others.withLock { $0.count } == count
                }
                while ContinuousClock.now < down + length {
                    #expect(worker.messagesInHand <= 1 || ContinuousClock.now < opened + .seconds(1))
                    try await Task.sleep(for: .milliseconds(100))
                }
                let during = dependency.account
                dependency.set(isUp: true)
                try await eventually("all are handled", within: breaker.longestWait * 1.2 + .seconds(60)) {
                    dependency.account.answered.count == count
                }
                #expect(worker.state == .running)
                try await eventually("no copy is left", within: .seconds(10)) {
                    try await system.depth("email") + system.depth("email.due") == 0
                }
                let dead = try await system.depth("email.dead")
                #expect(dead == 0)
                let account = dependency.account
                #expect(account.answered.values.allSatisfy { $0 == 1 })
                // Those in hand when it opened, and then no two calls nearer than a probe's wait allows.
                let probes = during.callsWhileDown.filter { $0 > opened + .milliseconds(100) }
                let gaps = zip(probes, probes.dropFirst()).map { $1 - $0 }
                #expect(gaps.allSatisfy { $0 >= breaker.firstWait * 0.8 })
                #expect(probes.count >= 5 && probes.count <= 25)
                #expect(during.callsWhileDown.count <= 100 + probes.count)
                print(
                    "outage of \(length): \(count) published, \(account.answered.count) handled, 0 twice,",
                    "\(dead) dead-lettered, \(during.callsWhileDown.count) calls of which \(probes.count) probes")
            }
        }
    }

    private func publish(with publisher: Publisher<RabbitMQTransport>) async throws {
        try await withThrowingDiscardingTaskGroup { group in
            for part in 0..<10 {
                group.addTask {
                    for number in part * (count / 10)..<(part + 1) * (count / 10) {
                        try await publisher.publish(Paid(loan: "l\(number)", number: number))
                    }
                }
            }
        }
    }
}

@Suite(.timeLimit(.minutes(2))) struct OutageTests {
    @Test func `an outage costs nothing: none lost, none dead-lettered, one call per probe, others go on`() async throws
    {
        try await Outage(
            length: .seconds(20), count: 3_000,
            breaker: BreakerPolicy(
                "mail server", consecutiveFailures: 5, firstWait: .milliseconds(250), longestWait: .seconds(2))
        ).run()
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

/// With the waits that a breaker has by default.
@Suite(.timeLimit(.minutes(15))) struct OutageSoakTests {
    private static let isFull = ProcessInfo.processInfo.environment["HAREBELL_TEST_FULL"] == "1"

    @Test(.enabled(if: isFull)) func `an outage of ten minutes costs nothing`() async throws {
        try await Outage(length: .seconds(600), count: 10_000, breaker: BreakerPolicy("mail server")).run()
    }
}
