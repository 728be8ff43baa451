import NIOCore

/// A channel: one ordered conversation with the broker within a connection.
///
/// An error of one call, a missing queue for example, makes the broker close the channel and everything on it, but not
/// the connection. The channel is closed on the wire when its last handle (this, its deliveries) is gone.
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

    /// Closes the channel and waits for the broker's answer, unless the task is cancelled.
    ///
    /// Unsettled deliveries go back.
    public func close() async {
        let waiterID = WaiterID.next()
        let deadline = NIODeadline.after(connection.core.configuration.rpcTimeout)
        _ = await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
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

    /// Waits for the end of the channel; `nil` after our own ``close()``.
    public func waitUntilClosed() async -> AMQPError? {
        let waiterID = WaiterID.next()
        return await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let waiter = ChannelMachine.CloseWaiter(id: waiterID, waiter: .task(continuation))
                connection.core.perform { $0.waitUntilClosed(id, waiter, isCancelled: Task.isCancelled) }
            }
        } onCancel: {
            connection.core.perform { $0.cancelWaitUntilClosed(id, waiterID: waiterID) }
        }
    }

    /// Sends a method and waits for its answer; calls on one channel are answered in order and may overlap.
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
        let callID = WaiterID.next()
        let deadline = NIODeadline.after(connection.core.configuration.rpcTimeout)
        let result = await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                connection.core.perform { start(&$0, callID, .task(continuation), deadline, Task.isCancelled) }
            }
        } onCancel: {
            connection.core.perform { $0.cancelCall(callID, on: id.number) }
        }
        return try result.get()
    }
}
