/// The deliveries of one consumer in batches: what has arrived since the last one.
///
/// Ends and throws as ``Deliveries`` does; both take from the same consumer.
public struct DeliveryBatches: AsyncSequence, Sendable {
    /// Deliveries that arrived together.
    public typealias Element = DeliveryBatch
    /// The module's error.
    public typealias Failure = AMQPError

    let deliveries: Deliveries
    let limit: Int

    /// Takes batches one by one.
    public struct AsyncIterator: AsyncIteratorProtocol {
        let channel: AMQPChannel
        let queue: DeliveryQueue
        let limit: Int

        /// The next batch; never an empty one.
        public mutating func next() async throws(AMQPError) -> DeliveryBatch? {
            try await queue.next(upTo: limit).map { DeliveryBatch(messages: $0, channel: channel) }
        }

        /// The next batch; never an empty one.
        public mutating func next(
            isolation actor: isolated (any Actor)?
        ) async throws(AMQPError) -> DeliveryBatch? {
            try await queue.next(upTo: limit).map { DeliveryBatch(messages: $0, channel: channel) }
        }
    }

    /// Makes an iterator; several share the deliveries.
    public func makeAsyncIterator() -> AsyncIterator {
        AsyncIterator(channel: deliveries.channel, queue: deliveries.queue, limit: limit)
    }
}

extension Deliveries {
    /// The deliveries in batches, for those who handle many at once.
    ///
    /// - Parameter limit: how many deliveries a batch has at most.
    public func batches(upTo limit: Int = 256) -> DeliveryBatches {
        precondition(limit > 0, "a batch holds at least one delivery")
        return DeliveryBatches(deliveries: self, limit: limit)
    }
}

/// Deliveries that arrived together, in order.
public struct DeliveryBatch: RandomAccessCollection, Sendable {
    let messages: ArraySlice<ReceivedMessage>
    let channel: AMQPChannel

    /// 0.
    public var startIndex: Int { 0 }
    /// How many deliveries there are.
    public var endIndex: Int { messages.count }

    /// A delivery.
    public subscript(position: Int) -> Delivery {
        Delivery(messages[messages.startIndex + position], channel: channel)
    }

    /// Tells the broker that all of them are done with, those settled before excepted.
    ///
    /// - Returns: how many this settled; 0 when the channel is gone and the broker delivers them again.
    @discardableResult
    public func acknowledge() -> Int {
        var tags: [UInt64] = []
        tags.reserveCapacity(messages.count)
        for message in messages where message.beginSettling() { tags.append(message.info.deliveryTag) }
        return channel.connection.core.settle(tags, .acknowledge, on: channel.id) ? tags.count : 0
    }
}
