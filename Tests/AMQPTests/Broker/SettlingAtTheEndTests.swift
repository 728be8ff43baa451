import TestSupport
import Testing

@testable import AMQP

/// What was settled stays settled when the connection or the channel is closed at once.
///
/// A channel of RabbitMQ keeps settlements for a quorum queue to itself while 32 of its commands are not yet applied
/// (`SOFT_LIMIT` in rabbit_fifo_client, 3.10 to 4.3), and forgets them when it is closed: 367 of 399 came again.
@Suite(.timeLimit(.minutes(1))) struct SettlingAtTheEndTests {
    private static let count = 400

    enum Way: CaseIterable { case closesTheConnection, closesTheChannel, stopsTheConsumer }

    @Test(arguments: Way.allCases, 1...3)
    func `what is acknowledged before a close does not come again`(way: Way, round: Int) async throws {
        try await withVirtualHost { _, url in
            let configuration = try AMQPConfiguration(uri: url)
            let connection = try await AMQPConnection.connect(configuration, logger: quietLogger)
            let publishing = try await connection.openChannel(confirms: true)
            try await publishing.declareQueue("q", arguments: ["x-queue-type": "quorum"])
            let messages = (0..<Self.count).map { _ in OutgoingMessage.test(exchange: "", key: "q") }
            for outcome in await publishing.publish(messages) { _ = try outcome.get() }
            let channel = try await connection.openChannel()
            let deliveries = try await channel.consume("q", prefetch: UInt16(Self.count))
            var held: [Delivery] = []
            for try await delivery in deliveries {
                held.append(delivery)
                if held.count == Self.count { break }
            }
            // While the first is unsettled, each of the others has to be said by itself.
            for delivery in held.reversed().dropLast() { delivery.acknowledge() }
            switch way {
            case .closesTheConnection: break
            case .closesTheChannel: await channel.close()
            case .stopsTheConsumer: await deliveries.cancel()
            }
            await connection.close()
            let other = try await AMQPConnection.connect(configuration, logger: quietLogger)
            let looking = try await other.openChannel()
            // A consumer counts until the queue has its last message back.
            let queue = try await eventualValue("nobody has any") {
                let queue = try await looking.declareQueue("q", passive: true)
                return queue.consumerCount == 0 ? queue : nil
            }
            #expect(queue.messageCount == 1)
            await other.close()
        }
    }
}
