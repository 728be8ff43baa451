import NIOCore

extension AMQPChannel {
    /// Publishes a message; on a channel with confirms, returns when the broker has taken responsibility for it.
    ///
    /// Waits while the broker blocks publishing or too much is still to be sent. Messages of one task are sent in order.
    /// - Parameter deadline: how long to wait at most, sending included.
    /// - Throws: `.nacked`, `.returned`, `.timedOut`, `.cancelled`, `.channelClosed`, `.connectionClosed`, `.closed`; or
    ///   `.invalidArgument` if the message cannot be encoded, which concerns this message only.
    public func publish(_ message: OutgoingMessage, deadline: Duration? = nil) async throws(AMQPError) {
        let waiterID = WaiterID.next()
        let limit = deadline.map(NIODeadline.after)
        let error: AMQPError? = await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                connection.core.perform {
                    $0.publish(
                        message, on: id, PublishWaiter(id: waiterID, target: .task(continuation)), deadline: limit,
                        isCancelled: Task.isCancelled)
                }
            }
        } onCancel: {
            connection.core.perform { $0.cancelPublish(waiterID, on: id) }
        }
        if let error { throw error }
    }

    /// Publishes messages in order in one batch and waits for all confirms together; one outcome for each.
    public func publish(
        _ messages: [OutgoingMessage], deadline: Duration? = nil
    ) async -> [Result<Void, AMQPError>] {
        guard !messages.isEmpty else { return [] }
        let waiterID = WaiterID.next()
        let limit = deadline.map(NIODeadline.after)
        return await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let batch = PublishBatch(count: messages.count, continuation: continuation)
                connection.core.perform { machine in
                    let isCancelled = Task.isCancelled
                    for (index, message) in messages.enumerated() {
                        let waiter = PublishWaiter(id: waiterID, target: .batch(batch, index: index))
                        machine.publish(message, on: id, waiter, deadline: limit, isCancelled: isCancelled)
                    }
                }
            }
        } onCancel: {
            connection.core.perform { $0.cancelPublish(waiterID, on: id) }
        }
    }

    /// Publishes without waiting, for a caller that holds a lock: it runs the effects when it has let go of it.
    ///
    /// `completion` is called once, without a lock held, on any thread.
    func publish(
        _ message: OutgoingMessage, waiterID: UInt64, deadline: NIODeadline?,
        completion: @escaping @Sendable (AMQPError?) -> Void
    ) -> [Effect] {
        let waiter = PublishWaiter(id: waiterID, target: .closure(completion))
        return connection.core.collect {
            $0.publish(message, on: id, waiter, deadline: deadline, isCancelled: false)
        }.1
    }
}
