import NIOCore

/// A channel: one ordered conversation with the broker within a connection.
///
/// An error of one call, a missing queue for example, makes the broker close the channel and everything on it, but not
/// the connection (AMQP 0-9-1 §4.8). The channel is closed on the wire when its last handle (this, its deliveries) is
/// gone. All calls may be made from any task and overlap; each gets its own answer, whatever order the broker answers in.
public final class AMQPChannel: Sendable {
    let id: ChannelID
    let connection: AMQPConnection
    /// Whether publishing waits for the broker's confirm.
    public let hasConfirms: Bool

    init(_ id: ChannelID, on connection: AMQPConnection, hasConfirms: Bool) {
        self.id = id
        self.connection = connection
        self.hasConfirms = hasConfirms
    }

    deinit {
        connection.core.perform { [id] in $0.forget(id) }
    }

    /// The number of the channel on its connection.
    public var number: Int { Int(id.number) }

    /// Whether calls can be made.
    public var isOpen: Bool { connection.core.read { [id] in $0.isOpen(id) } }

    /// Closes the channel and waits for the broker's answer, at most ``AMQPConfiguration/rpcTimeout``.
    ///
    /// Consumers are stopped first, for RabbitMQ forgets what was settled just before a close: see
    /// ``AMQPConnection/close(deadline:)``. Unsettled deliveries go back to their queues. A task that is cancelled does not
    /// wait; the channel is closed all the same. Closing again is fine.
    public func close() async {
        let waiterID = WaiterID.next()
        let deadline = NIODeadline.after(connection.core.configuration.rpcTimeout)
        await connection.core.endConsumers(of: id, until: .after(connection.core.configuration.rpcTimeout / 2))
        _ = await withTaskCancellationHandler {
            await withValueContinuation { continuation in
                connection.core.perform { machine in
                    machine.closeChannel(
                        id, ChannelMachine.CloseWaiter(id: waiterID, waiter: .task(continuation), deadline: deadline))
                    if Task.isCancelled { machine.cancelWaitUntilClosed(id, waiterID: waiterID) }
                }
            }
        } onCancel: {
            connection.core.perform { $0.cancelWaitUntilClosed(id, waiterID: waiterID) }
        }
    }

    /// Waits for the end of the channel and returns its reason; `nil` after our own ``close()``.
    ///
    /// A task that is cancelled gets `.cancelled`, and the channel stays as it is.
    public func waitUntilClosed() async -> AMQPError? {
        let waiterID = WaiterID.next()
        return await withTaskCancellationHandler {
            await withValueContinuation { continuation in
                let waiter = ChannelMachine.CloseWaiter(id: waiterID, waiter: .task(continuation))
                connection.core.perform { $0.waitUntilClosed(id, waiter, isCancelled: Task.isCancelled) }
            }
        } onCancel: {
            connection.core.perform { $0.cancelWaitUntilClosed(id, waiterID: waiterID) }
        }
    }

    /// Sends a method and waits for its answer; calls on one channel may overlap.
    func call(_ method: OutboundMethod, answeredBy kind: ReplyKind) async throws(AMQPError) -> Reply {
        try await reply { machine, callID, waiter, deadline, isCancelled in
            machine.call(
                method, answeredBy: kind, on: self.id, callID: callID, waiter, deadline: deadline,
                isCancelled: isCancelled)
        }
    }

    typealias CallStart = (
        inout ConnectionMachine, UInt64, Waiter<Result<Reply, AMQPError>>, NIODeadline, _ isCancelled: Bool
    ) -> Void

    func reply(_ start: CallStart) async throws(AMQPError) -> Reply {
        try await connection.core.reply(
            on: id.number, deadline: .after(connection.core.configuration.rpcTimeout), start)
    }
}

extension ConnectionCore {
    /// Makes a call on a channel, and waits for its answer.
    func reply(
        on number: UInt16, deadline: NIODeadline, _ start: AMQPChannel.CallStart
    ) async throws(AMQPError) -> Reply {
        let callID = WaiterID.next()
        let result = await withTaskCancellationHandler {
            await withValueContinuation { continuation in
                perform { start(&$0, callID, .task(continuation), deadline, Task.isCancelled) }
            }
        } onCancel: {
            perform { $0.cancelCall(callID, on: number) }
        }
        return try result.get()
    }
}
