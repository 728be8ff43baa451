import AMQP
import Harebell
import HarebellRabbitMQ
import Synchronization
import TestSupport
import Testing

/// Batches from a real broker.
@Suite(.timeLimit(.minutes(2))) struct BatchTests {
    /// What a handler was called with.
    private final class Calls: Sendable {
        private let state = Mutex<[[(number: Int, attempt: Int)]]>([])

        func add(_ batch: EventBatch<Paid>) {
            state.withLock { $0.append(batch.map { ($0.event.number, $0.context.attempt) }) }
        }

        var all: [[(number: Int, attempt: Int)]] { state.withLock { $0 } }
        var sizes: [Int] { all.map(\.count) }
        var numbers: [Int] { all.flatMap { $0.map(\.number) } }
    }

    @Test func `a full batch comes at once, the rest after its time, in the order of their key`() async throws {
        try await withVirtualHost { url in
            let calls = Calls()
            let wait: Duration = .seconds(1)
            try await withSystem(url) { system in
                system.worker("email") {
                    Subscription(toBatchesOf: Paid.self, upTo: 10, within: wait) { calls.add($0) }
                }
            } body: { system in
                let publisher = system.publisher("payout")
                let start = ContinuousClock.now
                for number in 0..<23 { try await publisher.publish(Paid(loan: "l1", number: number)) }
                try await eventually { calls.numbers.count == 23 }
                #expect(ContinuousClock.now - start >= wait)
                #expect(calls.numbers == Array(0..<23))
                #expect(calls.sizes.allSatisfy { $0 <= 10 })
                #expect(calls.sizes.count <= 4)
                try await system.expectEmpty("email", "email.due", "email.dead")
            }
        }
    }

    @Test func `each event of a batch has its own outcome at the broker`() async throws {
        try await withVirtualHost { url in
            let calls = Calls()
            let published = Seen()
            try await withSystem(url) { system in
                system.worker("email", publishes: [Mailed.eventType]) {
                    Subscription(toBatchesOf: Paid.self, upTo: 4, within: .milliseconds(200), name: "Mail") { batch in
                        calls.add(batch)
                        for item in batch {
                            try item.context.publish(
                                Mailed(loan: item.event.loan, attempt: item.context.attempt))
                            switch item.event.number {
                            case 1 where item.context.attempt < 5: item.fail(TransientError("not yet"))
                            case 2: item.fail(PermanentError("no such address"))
                            default: break
                            }
                        }
                    }
                }
                system.worker("pdf") {
                    Subscription(to: Mailed.self) { mailed, context in
                        published.add(Paid(loan: mailed.loan, number: mailed.attempt), context)
                    }
                }
            } body: { system in
                for number in 0..<4 {
                    try await system.publisher("payout").publish(Paid(loan: "l\(number)", number: number))
                }
                let letter = DeadLetter(try await system.read(queue: "email.dead", count: 1)[0])
                #expect(letter.reason.rawValue == "permanent")
                #expect(letter.attempts == 1)
                #expect(letter.handler == "Mail")
                #expect(letter.errorMessage?.contains("no such address") == true)
                try await eventually { published.count == 3 }
                // One call for all, two more in place, and two after a delay.
                #expect(calls.sizes == [4, 1, 1, 1, 1])
                #expect(calls.all.dropFirst().flatMap { $0 }.map(\.attempt) == [2, 3, 4, 5])
                let outcomes = Set(published.events.map { "\($0.loan) \($0.number)" })
                #expect(outcomes == ["l0 1", "l1 5", "l3 1"])
                try await system.expectEmpty(
                    "email", "email.due", "email.dead", "email.retry.50ms", "email.retry.200ms")
            }
        }
    }

    @Test func `what was collected when the worker stops is back in its queue, uncounted and in order`() async throws {
        try await withVirtualHost { url in
            let calls = Calls()
            try await withSystem(url) { system in
                let worker = system.worker("email") {
                    Subscription(toBatchesOf: Paid.self, upTo: 10, within: .seconds(60)) { calls.add($0) }
                }
                #expect(worker.collecting == nil)
            } body: { system in
                for number in 0..<5 {
                    try await system.publisher("payout").publish(Paid(loan: "l\(number)", number: number))
                }
                try await eventually { system.workers[0].collecting?.count == 5 }
            }
            let seen = Seen()
            try await withSystem(url, prefetch: 1) { system in
                system.worker("email") { Subscription(to: Paid.self) { event, context in seen.add(event, context) } }
            } body: { _ in
                try await eventually { seen.count == 5 }
            }
            #expect(calls.sizes.isEmpty)
            #expect(seen.events.map(\.number) == Array(0..<5))
            #expect(seen.contexts.allSatisfy { $0.attempt == 1 })
        }
    }
}
