import AMQP
import Harebell
import HarebellRabbitMQ
import TestSupport
import Testing

/// The order in which messages come again that an endpoint has handed back.
///
/// What is asserted is what RabbitMQ allows, 3.10 to 4.3. A quorum queue keeps what is handed back in a line of its own
/// (`returns` in rabbit_fifo), and what is taken from its head and handed back again goes to its end: hence each round takes
/// at least what the former one gave back. And a channel with 32 commands that are not yet applied keeps the next ones to
/// itself for a while (`SOFT_LIMIT` in rabbit_fifo_client), whatever it answers meanwhile: hence no more of one channel.
@Suite(.timeLimit(.minutes(2))) struct HandBackTests {
    /// A broker before 4.0 counts what is handed back.
    private static let options = TopologyOptions(rungs: RetryRungs(TestSystem.rungs), deliveryLimit: 1_000_000)
    private static let count = 60

    @Test func `what is handed back comes before what follows, to a new consumer too`() async throws {
        try await withFullQueue { endpoint in
            var hand = Hand(endpoint)
            for prefetch in 1...32 {
                await hand.take(.many(prefetch: prefetch))
                try await hand.receive(prefetch)
                guard try await hand.goesBack() else { return }
            }
        }
    }

    @Test func `what is handed back over several channels comes in the order in which it was`() async throws {
        try await withFullQueue { endpoint in
            var hand = Hand(endpoint)
            for round in 1...Self.count / 3 {
                for _ in 1...3 {
                    await hand.take(.many(prefetch: round))
                    try await hand.receive(round)
                }
                guard try await hand.goesBack() else { return }
            }
        }
    }

    /// A channel of RabbitMQ forgets what it has not told the queue when it is closed: see SettlingAtTheEndTests.
    @Test(arguments: 1...4) func `what is settled last, and all at once, is settled`(round: Int) async throws {
        try await withVirtualHost { url in
            try await withSystem(url, waits: false) { _ in
            } body: { system in
                let endpoint = try await system.transport.open(
                    EndpointDescription(service: "email", subscribes: [Paid.eventType], prefetch: 200))
                for number in 0..<200 {
                    try await system.publisher("payout").publish(Paid(loan: "l", number: number))
                }
                var hand = Hand(endpoint)
                try await hand.receive(200)
                await endpoint.stop()
                hand.acknowledgeAllButTheFirst()
                await endpoint.close()
            }
            try await withSystem(url, waits: false) { _ in
            } body: { system in
                try await system.withChannel { channel in
                    // A consumer counts until the queue has its last message back.
                    let queue = try await eventualValue("nobody has any") {
                        let queue = try await channel.declareQueue("email", passive: true)
                        return queue.consumerCount == 0 ? queue : nil
                    }
                    #expect(queue.messageCount == 1)
                }
            }
        }
    }

    private func withFullQueue(_ body: @Sendable (RabbitMQEndpoint) async throws -> Void) async throws {
        try await withVirtualHost { url in
            try await withSystem(url, waits: false, options: Self.options) { _ in
            } body: { system in
                let endpoint = try await system.transport.open(
                    EndpointDescription(service: "email", subscribes: [Paid.eventType], prefetch: 1))
                await endpoint.take(.nothing)
                for number in 0..<Self.count {
                    try await system.publisher("payout").publish(Paid(loan: "l", number: number))
                }
                try await body(endpoint)
                await endpoint.stop()
                await endpoint.close()
                try await eventually("all are back") { try await system.depth("email") == Self.count }
            }
        }
    }

    /// What a worker that handles nothing has in its hands.
    private struct Hand {
        private let endpoint: RabbitMQEndpoint
        private var deliveries: RabbitMQDeliveries.AsyncIterator
        private var held: [TransportDelivery] = []
        private var received = 0
        private var handedOut = 0

        init(_ endpoint: RabbitMQEndpoint) {
            self.endpoint = endpoint
            deliveries = endpoint.deliveries.makeAsyncIterator()
        }

        mutating func take(_ taking: Taking) async { handedOut = await endpoint.take(taking) }

        mutating func receive(_ count: Int) async throws {
            for _ in 0..<count {
                held.append(try #require(await deliveries.next()))
                received += 1
            }
        }

        /// Hands back all that the endpoint had handed out before it took none; whether it had come in order.
        mutating func goesBack() async throws -> Bool {
            await take(.nothing)
            try await receive(handedOut - received)
            let numbers = try held.map { try $0.content.get().decode(Paid.self).number }
            #expect(numbers == Array(0..<numbers.count), "in the order in which they were published")
            for delivery in held { endpoint.release(delivery) }
            held = []
            return numbers == Array(0..<numbers.count)
        }

        /// The last one first: while the first is unsettled, each is said by itself.
        func acknowledgeAllButTheFirst() {
            for delivery in held.reversed().dropLast() { endpoint.acknowledge(delivery) }
        }
    }
}
