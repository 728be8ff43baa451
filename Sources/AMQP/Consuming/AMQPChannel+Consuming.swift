extension AMQPChannel {
    /// Starts a consumer under a tag of its own.
    ///
    /// - Parameters:
    ///   - prefetch: how many deliveries may be unsettled, and so how many are held in memory; 0 means no limit.
    ///   - exclusive: whether this is to be the queue's only consumer.
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

    /// Takes one message from a queue, or `nil` if it is empty.
    public func get(_ queue: String) async throws(AMQPError) -> Delivery? {
        guard case .message(let message) = try await call(.basicGet(queue: queue), answeredBy: .basicGet) else {
            throw Self.wrongReply("basic.get")
        }
        return message.map { Delivery($0, channel: self) }
    }
}
