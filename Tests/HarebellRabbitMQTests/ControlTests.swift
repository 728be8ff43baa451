import AMQP
import Harebell
import HarebellRabbitMQ
import Synchronization
import TestSupport
import Testing

/// Pausing, resuming and another prefetch on a real broker: a new consumer under a new tag each time.
@Suite(.timeLimit(.minutes(1))) struct ControlTests {
    @Test func `a paused worker gives back what it has not begun, in order, and takes it again`() async throws {
        try await withVirtualHost { url in
            let seen = Seen()
            let gate = Gate()
            try await withSystem(url, prefetch: 10) { system in
                system.worker("email") {
                    Subscription(to: Paid.self) { event, context in
                        seen.add(event, context)
                        await gate.wait()
                    }
                }
            } body: { system in
                let worker = try #require(system.workers.first)
                for number in 0..<12 {
                    try await system.publisher("payout").publish(Paid(loan: "one", number: number))
                }
                try await eventually { seen.count == 1 && worker.messagesInHand == 10 }
                await worker.pause()
                try await eventually("11 are back") { try await system.depth("email") == 11 }
                #expect(seen.count == 1)
                gate.open()
                // The broker counts a cancelled consumer until its last message is settled.
                try await eventually("there is no consumer") {
                    try await system.withChannel { channel in
                        try await channel.declareQueue("email", passive: true).consumerCount == 0
                    }
                }
                #expect(worker.messagesInHand == 0)
                await worker.resume()
                try await eventually { seen.count == 12 }
                #expect(seen.events.map(\.number) == Array(0..<12))
                #expect(seen.contexts.allSatisfy { $0.attempt == 1 })
                try await system.expectEmpty("email", "email.due", "email.dead")
            }
        }
    }

    @Test func `another prefetch is a new consumer with it`() async throws {
        try await withVirtualHost { url in
            let gate = Gate()
            let begun = Mutex(0)
            try await withSystem(url, prefetch: 2) { system in
                system.worker("email") {
                    Subscription(to: Paid.self) { _, _ in
                        begun.withLock { $0 += 1 }
                        await gate.wait()
                    }
                }
            } body: { system in
                let worker = try #require(system.workers.first)
                for number in 0..<20 {
                    try await system.publisher("payout").publish(Paid(loan: "l\(number)", number: number))
                }
                try await eventually { begun.withLock { $0 } == 2 }
                // Those two stay on their channel, and the new consumer brings six.
                try await worker.setPrefetch(6)
                try await eventually { begun.withLock { $0 } == 8 }
                gate.open()
                try await eventually { begun.withLock { $0 } == 20 }
                try await system.expectEmpty("email", "email.due", "email.dead")
            }
        }
    }

    @Test func `an early copy that a timer holds is back in its queue when the worker is paused`() async throws {
        try await withVirtualHost { url in
            let seen = Seen()
            try await withSystem(url) { system in
                // The smallest rung is 50 ms: the rest below it is held here.
                system.worker("email", retry: RetryPolicy(immediate: [], delayed: [.milliseconds(95)], jitter: 0)) {
                    Subscription(to: Paid.self) { event, context in
                        seen.add(event, context)
                        if context.attempt == 1 { throw TransientError("not now") }
                    }
                }
            } body: { system in
                let worker = try #require(system.workers.first)
                for number in 0..<40 {
                    try await system.publisher("payout").publish(Paid(loan: "l\(number)", number: number))
                }
                for _ in 0..<15 {
                    await worker.pause()
                    try await eventually { worker.messagesInHand == 0 }
                    await worker.resume()
                }
                try await eventually("all are handled again") { seen.contexts.count { $0.attempt == 2 } == 40 }
                #expect(Set(seen.events.map(\.number)).count == 40)
                try await system.expectEmpty("email", "email.due", "email.dead")
            }
        }
    }

    @Test func `of one message at a time exactly one comes, the due one first`() async throws {
        try await withVirtualHost { url in
            let service: ServiceName = "email"
            try await withSystem(url, waits: false) { _ in
            } body: { system in
                let endpoint = try await system.transport.open(
                    EndpointDescription(service: service, subscribes: [Paid.eventType], prefetch: 3))
                var deliveries = endpoint.deliveries.makeAsyncIterator()
                await endpoint.take(.nothing)
                for number in 0..<4 {
                    try await system.publisher("payout").publish(Paid(loan: "l", number: number))
                }
                try await eventually { try await system.depth("email") == 4 }
                for number in 0..<3 {
                    await endpoint.take(.one)
                    let delivery = try #require(await deliveries.next())
                    #expect(try delivery.content.get().decode(Paid.self).number == number)
                    let depth = try await system.depth("email")
                    #expect(depth == 3 - number)
                    endpoint.acknowledge(delivery)
                }
                await endpoint.take(.many(prefetch: 3))
                let last = try #require(await deliveries.next())
                endpoint.acknowledge(last)
                await endpoint.take(.one)
                await endpoint.stop()
                #expect(await deliveries.next() == nil)
                await endpoint.close()
                try await system.expectEmpty("email")
            }
        }
    }
}
