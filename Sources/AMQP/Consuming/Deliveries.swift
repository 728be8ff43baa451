/// The deliveries of one consumer, in order.
///
/// Ends with `nil` after ``cancel()``, when everything that had arrived was taken. Throws `.consumerCancelled` when the
/// broker ended the consumer, `.channelClosed`, `.connectionClosed` or `.closed` when there is nothing left to settle
/// on, and `.cancelled` when the task was cancelled; the deliveries can be iterated again then, by another task.
public struct Deliveries: AsyncSequence, Sendable {
    /// A delivery.
    public typealias Element = Delivery
    /// The module's error.
    public typealias Failure = AMQPError

    /// The consumer's tag.
    public let consumerTag: String
    let channel: AMQPChannel
    let queue: DeliveryQueue

    /// Takes deliveries one by one.
    public struct AsyncIterator: AsyncIteratorProtocol {
        let channel: AMQPChannel
        let queue: DeliveryQueue

        /// The next delivery.
        public mutating func next() async throws(AMQPError) -> Delivery? {
            try await queue.next().map { Delivery($0, channel: channel) }
        }

        /// The next delivery.
        public mutating func next(
            isolation actor: isolated (any Actor)?
        ) async throws(AMQPError) -> Delivery? {
            try await queue.next().map { Delivery($0, channel: channel) }
        }
    }

    /// Makes an iterator; several share the deliveries.
    public func makeAsyncIterator() -> AsyncIterator {
        AsyncIterator(channel: channel, queue: queue)
    }

    /// Stops the consumer (`basic.cancel`): nothing new comes, what has arrived can still be taken and settled.
    ///
    /// A task that is cancelled does not wait for the broker's answer; the consumer is stopped all the same.
    public func cancel() async {
        do {
            _ = try await channel.reply { machine, callID, waiter, deadline, isCancelled in
                machine.call(
                    .basicCancel(tag: consumerTag), answeredBy: .basicCancelOK, on: channel.id, callID: callID, waiter,
                    deadline: deadline, isCancelled: false)
                if isCancelled { machine.cancelCall(callID, on: channel.id.number) }
            }
        } catch {
            // Over already, or the channel is; either way nothing more arrives.
        }
    }
}
