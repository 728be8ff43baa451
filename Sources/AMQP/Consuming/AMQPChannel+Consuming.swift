extension AMQPChannel {
    /// Starts a consumer under a tag of its own (`basic.qos` and `basic.consume`).
    ///
    /// Deliveries are always to be settled; there is no consuming without acknowledgements.
    /// - Parameters:
    ///   - queue: the queue's name.
    ///   - prefetch: how many deliveries may be unsettled, and so how many are held in memory; 0 means no limit.
    ///   - exclusive: whether this is to be the queue's only consumer.
    ///   - arguments: for example `x-priority`, or `x-stream-offset`.
    /// - Throws: `.channelClosed` with 404 if there is no such queue, 403 without the permission to read or when another
    ///   consumer is exclusive, 405 if the queue is exclusive to another connection; `.timedOut`, `.cancelled`,
    ///   `.closed`, `.connectionClosed`. After `.timedOut` and `.cancelled` the consumer is canceled at the broker.
    public func consume(
        _ queue: String, prefetch: UInt16, exclusive: Bool = false, arguments: FieldTable = [:]
    ) async throws(AMQPError) -> Deliveries {
        // Unique for ever: brokers before 3.12.5 may stop delivering to a tag that is used again.
        let tag = "harebell-\(String(UInt64.random(in: 0...UInt64.max), radix: 36))-\(WaiterID.next())"
        let deliveries = DeliveryQueue()
        _ = try await reply { machine, callID, waiter, deadline, isCancelled in
            machine.consume(
                queue, tag: tag, prefetch: prefetch, exclusive: exclusive, arguments: arguments, to: deliveries,
                on: self.id, callID: callID, waiter, deadline: deadline, isCancelled: isCancelled)
        }
        return Deliveries(consumerTag: tag, channel: self, queue: deliveries)
    }

    /// Takes one message from a queue, or `nil` if it is empty (`basic.get`).
    ///
    /// A question and an answer for each message: to look, not to work. It is to be settled like any other delivery; one
    /// whose caller was cancelled or timed out goes back to the queue.
    public func get(_ queue: String) async throws(AMQPError) -> Delivery? {
        guard case .message(let message) = try await call(.basicGet(queue: queue), answeredBy: .basicGet) else {
            throw Self.wrongReply("basic.get")
        }
        return message.map { Delivery($0, channel: self) }
    }
}
