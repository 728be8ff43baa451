import NIOCore

extension AMQPChannel {
    /// Publishes a message; on a channel with confirms, returns when the broker has taken responsibility for it.
    ///
    /// Waits while the broker blocks publishing or too much is still to be sent. Messages of one task are sent in order.
    /// Without confirms it returns when the message is on its way, and errors of the broker are those of the channel.
    /// - Parameters:
    ///   - message: what to publish, and where.
    ///   - deadline: how long to wait at most, sending included; `nil` for as long as the channel lives.
    /// - Throws: `.nacked`, `.returned`, `.timedOut`, `.cancelled`, `.channelClosed`, `.connectionClosed`, `.closed`; or
    ///   `.invalidArgument` if the message cannot be encoded, which concerns this message only.
    public func publish(_ message: OutgoingMessage, deadline: Duration? = nil) async throws(AMQPError) {
        let waiterID = WaiterID.next()
        let limit = deadline.map(NIODeadline.after)
        let error: AMQPError? = await withTaskCancellationHandler {
            await withMessageContinuation { continuation in
                let waiter = PublishWaiter(id: waiterID, target: .task(continuation))
                if let error = send(message, waiter, limit, isCancelled: Task.isCancelled) {
                    continuation.resume(returning: error)
                }
            }
        } onCancel: {
            connection.core.cancelPublish(waiterID, on: id)
        }
        if let error { throw error }
    }

    /// Publishes messages in order in one batch and waits for all confirms together.
    ///
    /// One message's failure is its own, except that an error of the channel ends all that are not confirmed.
    /// - Parameters:
    ///   - messages: what to publish, and where; together at most 1 GiB.
    ///   - deadline: how long to wait at most, sending included; the same for all.
    /// - Returns: one outcome for each message, in order; errors are those of one message.
    public func publish(
        _ messages: [OutgoingMessage], deadline: Duration? = nil
    ) async -> [Result<Void, AMQPError>] {
        guard !messages.isEmpty else { return [] }
        let waiterID = WaiterID.next()
        let limit = deadline.map(NIODeadline.after)
        return await withTaskCancellationHandler {
            await withMessageContinuation { continuation in
                send(messages, PublishBatch(count: messages.count, continuation: continuation), waiterID, limit)
            }
        } onCancel: {
            connection.core.cancelPublish(waiterID, on: id)
        }
    }

    private static let cancelled = AMQPError(.cancelled, "the task was cancelled; nothing was sent")

    /// More than any broker takes of a message; what makes so many bytes at once is a mistake, and is told so.
    private static func refusal(ofBytes count: Int) -> AMQPError? {
        guard count > 1 << 30 else { return nil }
        return AMQPError(
            .invalidArgument, "\(count) bytes are more than the 1 GiB that can be published at once; nothing was sent")
    }

    /// How many bytes the frames of a message have, about.
    private static func byteCount(of message: OutgoingMessage) -> Int {
        FrameWriter.framedLate.contains(message.body.count) ? 512 : message.body.count + message.body.count / 256 + 512
    }

    /// Encodes and hands over; returns the error if nothing was.
    private func send(
        _ message: OutgoingMessage, _ waiter: PublishWaiter, _ deadline: NIODeadline?,
        isCancelled: @autoclosure () -> Bool
    ) -> AMQPError? {
        if let error = Self.refusal(ofBytes: message.body.count) { return error }
        var batch = PublicationBatch(using: connection.core.spare(Self.byteCount(of: message)), count: 1)
        do {
            try batch.append(
                message, on: id, frameMax: connection.frameMax, isReturnKeyNeeded: hasConfirms, waiter,
                deadline: deadline)
        } catch {
            // Of a message on a closed channel, the channel's end is the news.
            return connection.core.read { [id] in $0.refusal(id) } ?? error
        }
        return connection.core.publish(batch, isCancelled: isCancelled()) ? nil : Self.cancelled
    }

    /// As many messages as are handed over at once: the event loop need not wait until all large ones are encoded.
    private static func part(
        of messages: ArraySlice<OutgoingMessage>
    ) -> (messages: ArraySlice<OutgoingMessage>, byteCount: Int) {
        var byteCount = 0
        for index in messages.indices {
            byteCount += Self.byteCount(of: messages[index])
            if byteCount >= 262_144 { return (messages[...index], byteCount) }
        }
        return (messages, byteCount)
    }

    private func send(
        _ messages: [OutgoingMessage], _ outcomes: PublishBatch, _ waiterID: UInt64, _ deadline: NIODeadline?
    ) {
        func waiter(_ index: Int) -> PublishWaiter {
            PublishWaiter(id: waiterID, target: .batch(outcomes, index: index))
        }
        let refusal = Self.refusal(ofBytes: messages.reduce(0) { $0 + $1.body.count })
        var failures: [(PublishWaiter, AMQPError)] = []
        var rest = messages[...]
        while !rest.isEmpty {
            let part = Self.part(of: rest)
            rest = rest[part.messages.endIndex...]
            // Memory with two owners would be replaced by fresh memory when it is written to.
            var batch = PublicationBatch(
                using: connection.core.spare(refusal == nil ? part.byteCount : 0), count: part.messages.count)
            var encoded: [Int] = []
            for index in part.messages.indices {
                do throws(AMQPError) {
                    if let refusal { throw refusal }
                    try batch.append(
                        messages[index], on: id, frameMax: connection.frameMax, isReturnKeyNeeded: hasConfirms,
                        waiter(index), deadline: deadline)
                    encoded.append(index)
                } catch {
                    failures.append((waiter(index), error))
                }
            }
            guard batch.isEmpty || connection.core.publish(batch, isCancelled: Task.isCancelled) else {
                failures += encoded.map { (waiter($0), Self.cancelled) }
                failures += rest.indices.map { (waiter($0), Self.cancelled) }
                break
            }
        }
        guard !failures.isEmpty else { return }
        connection.core.perform { machine in
            for (waiter, error) in failures { machine.out.complete(waiter, machine.refusal(id) ?? error) }
        }
    }

    /// Publishes without waiting, for a caller that may hold a lock: it runs the effects when it holds none.
    ///
    /// The listener is told once. Whether the present task is cancelled does not matter, for the message may be another's.
    func publish(
        _ message: OutgoingMessage, waiterID: UInt64, deadline: NIODeadline?, listener: any PublishListener
    ) -> [Effect] {
        let waiter = PublishWaiter(id: waiterID, target: .listener(listener))
        let error = send(message, waiter, deadline, isCancelled: false)
        return error.map { [.publishesEnded(listener, [EndedPublish(id: waiterID, error: $0)])] } ?? []
    }
}
