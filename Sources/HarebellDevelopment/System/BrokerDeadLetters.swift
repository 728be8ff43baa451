import AMQP
import Harebell
import HarebellRabbitMQ
import Logging

/// Hears of the dead letters that the broker moved itself: of these no service writes a line, since the last one that
/// had the message died of it.
///
/// A temporary queue of our own is bound beside the dead-letter queues and gets a copy of what they get, so that nobody
/// who reads them is in the way. For a development system only: while it is bound, a dead letter whose queue was
/// deleted counts as stored.
struct BrokerDeadLetters: Sendable {
    let client: AMQPClient
    private let logger: Logger
    private let queue = "harebell.dev.\(randomToken(length: 12))"

    /// Describes it; nothing is declared before ``run(_:)``.
    init(url: String, services: [ServiceName], logger: Logger) throws {
        self.logger = logger
        client = AMQPClient(configuration: try AMQPConfiguration(uri: url), logger: logger)
        client.onConnect("dead letters") { [queue] connection in
            let channel = try await connection.openChannel()
            _ = try await channel.declareQueue(queue, durable: false, exclusive: true)
            for service in services {
                let names = ServiceQueues(service: service)
                try await channel.bindQueue(queue, to: names.exchange, routingKey: names.deadKey)
            }
            await channel.close()
        }
    }

    /// Tells of each until it is cancelled.
    func run(_ announce: @escaping @Sendable (DevelopmentEvent) -> Void) async {
        do {
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { try await client.run() }
                group.addTask {
                    for try await delivery in client.consume(queue, prefetch: 100) {
                        if let event = Self.event(delivery) { announce(event) }
                        delivery.acknowledge()
                    }
                }
                defer { group.cancelAll() }
                try await group.next()
            }
        } catch  where !Task.isCancelled {
            // The system works without: they are in their queues all the same.
            logger.error("dead letters of the broker are not announced", metadata: ["error": "\(error)"])
        } catch {}
    }

    private static func event(_ delivery: Delivery) -> DevelopmentEvent? {
        let letter = DeadLetter(delivery)
        guard letter.isMovedByBroker else { return nil }
        return .deadLettered(
            service: delivery.exchange, eventID: letter.id ?? "-", eventType: letter.type,
            reason: letter.reason.rawValue, error: letter.explanation)
    }
}
