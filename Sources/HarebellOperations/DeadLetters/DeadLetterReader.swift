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
    private var held: [Delivery] = []
    private var heldBytes = 0

    private init(queue: String, total: Int, channel: AMQPChannel) {
        self.queue = queue
        self.total = total
        self.channel = channel
    }

    /// The exclusive queue that says who reads.
    ///
    /// Not an exclusive consumer: quorum queues let a second one in (seen on RabbitMQ 3.10.8). An exclusive queue
    /// belongs to one connection and goes with it.
    static func lockName(_ queue: String) -> String { "\(queue).reader" }

    static func open(_ queue: DeadLetterQueue) async throws -> DeadLetterReader {
        let channel = try await queue.connection.openChannel()
        do throws(AMQPError) {
            let state = try await channel.declareQueue(queue.name, passive: true)
            _ = try await channel.declareQueue(
                lockName(queue.name), durable: false, exclusive: true, autoDelete: true)
            // Of a queue that no leader serves, RabbitMQ says that it holds nothing; asking for a message tells.
            if state.messageCount == 0, let delivery = try await channel.get(queue.name) {
                delivery.nack(requeue: true)
            }
            return DeadLetterReader(queue: queue.name, total: Int(state.messageCount), channel: channel)
        } catch {
            await channel.close()
            guard error.code == .channelClosed else { throw error }
            switch error.replyCode {
            case 404: throw OperationError.noSuchQueue(queue.name)
            case 405: throw OperationError.inUse(queue.name, by: nil)
            default: throw error
            }
        }
    }

    /// The next message, oldest first, or nil at the end of what was there when reading began, or at a limit.
    func next() async throws -> Delivery? {
        guard held.count < DeadLetterQueue.maximumHeld, heldBytes < DeadLetterQueue.maximumHeldBytes,
            let delivery = try await channel.get(queue)
        else { return nil }
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

    /// Hands back everything held and gives the queue free.
    ///
    /// Oldest first: a quorum queue of RabbitMQ 3.10 delivers what was returned in the order of the returns, before
    /// the rest; from 4.0 on each returns to its place. Waits until the queue has them, for whoever looks next.
    ///
    /// A task that is cancelled does so too: whoever looks next would find the queue in use.
    func close() async {
        await Task { await leave() }.value
    }

    private func leave() async {
        for delivery in held { delivery.nack(requeue: true) }
        let end = ContinuousClock.now + .seconds(5)
        while !held.isEmpty, ContinuousClock.now < end,
            let state = try? await channel.declareQueue(queue, passive: true), state.messageCount < held.count
        {
            // The broker takes the returns without an answer: their arrival can only be asked for.
            try? await Task.sleep(for: .milliseconds(10))
        }
        held.removeAll()
        _ = try? await channel.deleteQueue(Self.lockName(queue))
        await channel.close()
    }
}
