import AMQP
import HarebellRabbitMQ

/// The one reader of a dead-letter queue.
///
/// Used by one task; an actor so that this is true by construction.
actor DeadLetterReader {
    /// How many messages the queue held when reading began.
    nonisolated let total: Int
    private let queue: String
    private let channel: AMQPChannel
    /// The exclusive consumer: our lock on the queue.
    ///
    /// Its prefetch of 1 holds the oldest message.
    private let lock: Deliveries
    private var isFirst = true
    private var held: [Delivery] = []
    private var heldBytes = 0

    private init(queue: String, total: Int, channel: AMQPChannel, lock: Deliveries) {
        self.queue = queue
        self.total = total
        self.channel = channel
        self.lock = lock
    }

    static func open(_ queue: DeadLetterQueue) async throws -> DeadLetterReader {
        let channel = try await queue.connection.openChannel()
        do throws(AMQPError) {
            let state = try await channel.declareQueue(queue.name, passive: true)
            let lock = try await channel.consume(queue.name, prefetch: 1, exclusive: true)
            return DeadLetterReader(
                queue: queue.name, total: Int(state.messageCount), channel: channel, lock: lock)
        } catch {
            await channel.close()
            guard error.code == .channelClosed else { throw error }
            switch error.replyCode {
            case 404: throw OperationError.noSuchQueue(queue.name)
            case 403 where error.message.contains("exclusive"): throw OperationError.inUse(queue.name)
            default: throw error
            }
        }
    }

    /// The next message, oldest first, or nil at the end of what was there when reading began, or at a limit.
    func next() async throws -> Delivery? {
        guard held.count < DeadLetterQueue.maximumHeld, heldBytes < DeadLetterQueue.maximumHeldBytes else { return nil }
        let delivery: Delivery?
        if isFirst {
            guard total > 0 else { return nil }
            isFirst = false
            // The consumer was attached before anything was fetched, so the oldest message is on its way to it.
            var iterator = lock.makeAsyncIterator()
            delivery = try await iterator.next(isolation: #isolation)
        } else {
            delivery = try await channel.get(queue)
        }
        guard let delivery else { return nil }
        held.append(delivery)
        heldBytes += delivery.body.count
        return delivery
    }

    /// Removes a message from the queue: what replaces it is durable.
    func remove(_ delivery: Delivery) {
        delivery.acknowledge()
        held.removeAll { $0.deliveryTag == delivery.deliveryTag }
        heldBytes -= delivery.body.count
    }

    /// Hands back everything held, newest first, and gives the queue free.
    func close() async {
        await lock.cancel()
        for delivery in held.reversed() { delivery.nack(requeue: true) }
        held.removeAll()
        await channel.close()
    }
}
