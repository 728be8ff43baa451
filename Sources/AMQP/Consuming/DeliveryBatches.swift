/// The deliveries of one consumer in batches: what has arrived since the last one.
///
/// Ends and throws as ``Deliveries`` or ``RecoveringDeliveries`` do, whichever it was made of; both take from the same
/// consumer.
public struct DeliveryBatches: AsyncSequence, Sendable {
    /// Deliveries that arrived together.
    public typealias Element = DeliveryBatch
    /// The module's error.
    public typealias Failure = AMQPError

    enum Source: Sendable {
        case consumer(Deliveries)
        case subscription(RecoveringSubscription)

        func next(upTo limit: Int) async throws(AMQPError) -> DeliveryBatch? {
            switch self {
            case .consumer(let deliveries):
                try await deliveries.queue.next(upTo: limit)
                    .map { DeliveryBatch(messages: $0, channel: deliveries.channel) }
            case .subscription(let subscription): try await subscription.nextBatch(upTo: limit)
            }
        }
    }

    let source: Source
    let limit: Int

    /// Takes batches one by one.
    public struct AsyncIterator: AsyncIteratorProtocol {
        let source: Source
        let limit: Int

        /// The next batch; never an empty one.
        public mutating func next() async throws(AMQPError) -> DeliveryBatch? {
            try await source.next(upTo: limit)
        }

        /// The next batch; never an empty one.
        public mutating func next(
            isolation actor: isolated (any Actor)?
        ) async throws(AMQPError) -> DeliveryBatch? {
            try await source.next(upTo: limit)
        }
    }

    /// Makes an iterator; several share the deliveries of a channel, a client's are iterated by one task at a time.
    public func makeAsyncIterator() -> AsyncIterator {
        AsyncIterator(source: source, limit: limit)
    }
}

extension Deliveries {
    /// The deliveries in batches, for those who handle many at once.
    ///
    /// A batch waits for its first delivery only: it holds what has arrived by then, often less than the limit.
    /// - Parameter limit: how many deliveries a batch has at most.
    public func batches(upTo limit: Int = 256) -> DeliveryBatches {
        precondition(limit > 0, "a batch holds at least one delivery")
        return DeliveryBatches(source: .consumer(self), limit: limit)
    }
}

/// Deliveries that arrived together, in order.
public struct DeliveryBatch: RandomAccessCollection, Sendable {
    let messages: ArraySlice<ReceivedMessage>
    let channel: AMQPChannel

    /// The position of the first delivery, 0.
    public var startIndex: Int { 0 }
    /// The position behind the last delivery.
    public var endIndex: Int { messages.count }

    /// The delivery at a position.
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
