import Logging
import NIOConcurrencyHelpers
import NIOCore
import NIOPosix

/// Publishes on one channel with confirms, and again on the next when that one ends.
final class RecoveringPublisher: Sendable {
    struct State {
        var messages = Republishing()
        var sender: ChannelSender?
        var isClosed = false
        var armed: NIODeadline?
        /// Rung when everything is resolved.
        var drained: Alarm?
        /// Rung when everything that was sent is resolved.
        var settled: Alarm?

        /// Those of the two whose time has come.
        mutating func dueAlarms() -> [Alarm] {
            var due: [Alarm] = []
            if messages.isEmpty, let drained = drained.take() { due.append(drained) }
            if !messages.isAwaitingConfirms, let settled = settled.take() { due.append(settled) }
            return due
        }
    }

    let box = NIOLockedValueBox(State())
    let work = Alarm()
    private let recovery: RecoveryPolicy
    private let logger: Logger

    init(recovery: RecoveryPolicy, logger: Logger) {
        self.recovery = recovery
        self.logger = logger
    }

    func publish(_ message: OutgoingMessage, deadline: Duration) async throws(AMQPError) {
        let id = WaiterID.next()
        let limit = NIODeadline.after(deadline)
        let error: AMQPError? = await withTaskCancellationHandler {
            await withMessageContinuation { continuation in
                let entry = Republishing.Entry(
                    id: id, message: message, deadline: limit, continuation: .message(continuation))
                if let refusal = append(entry) { continuation.resume(returning: refusal) }
            }
        } onCancel: {
            // Nobody knows of what was not sent, or was resolved before.
            if let channel = giveUp(id) { channel.connection.core.cancelPublish(id, on: channel.id) }
        }
        if let error { throw error }
    }

    private static let cancelled = AMQPError(
        .cancelled, "the task that publishes was cancelled; whether the message was stored is unknown")

    /// Takes a message and sends it if it can be.
    private func append(_ entry: Republishing.Entry) -> AMQPError? {
        var refusal: AMQPError?
        var present: ChannelSender?
        change { state in
            // Asked under the lock, so that a cancellation either is seen here or finds the entry.
            refusal = state.isClosed ? ClientState.closedError : Task.isCancelled ? Self.cancelled : nil
            guard refusal == nil else { return nil }
            let isToBeSent = state.messages.append(entry)
            arm(entry.deadline, &state)
            guard isToBeSent, let sender = state.sender else { return send(&state) }
            present = sender
            return nil
        }
        // Encoded and handed over without the lock, which every confirm needs too. Two that publish at once have no order
        // among them. If the channel has ended since, it refuses the message, which is in order with the others on the next.
        if let present { present.core.run(present.send(entry)) }
        return refusal
    }

    /// Changes the state and runs what follows from it when the lock is released.
    @discardableResult
    func change(_ body: (inout State) -> [Effect]?) -> [Effect]? {
        let (effects, core, isWaiting) = box.withLockedValue { state in
            let effects = body(&state)
            return (effects, state.sender?.core, !state.messages.isReady && !state.messages.isEmpty)
        }
        if let effects { core?.run(effects) }
        if isWaiting { work.ring() }
        return effects
    }

    /// Sends what waits and can be sent; the order of entries is the order on the wire.
    func send(_ state: inout State) -> [Effect] {
        guard let sender = state.sender else { return [] }
        var effects: [Effect] = []
        while let entry = state.messages.nextSendable() { effects += sender.send(entry) }
        return effects
    }

    /// Publishes ended on some channel, the present one or an earlier one.
    func ended(_ publishes: [EndedPublish]) {
        var resolved: [(continuation: Waiter<AMQPError?>, error: AMQPError?)] = []
        var due: [Alarm] = []
        change { state in
            for publish in publishes {
                switch publish.error?.code {
                case .channelClosed, .connectionClosed, .closed, .protocolViolation:
                    // Unknown whether it was stored: again on the next channel.
                    break
                case .timedOut, .cancelled:
                    guard let (entry, _) = state.messages.giveUp(publish.id) else { continue }
                    resolved.append((entry.continuation, publish.error))
                default:
                    guard let (entry, _) = state.messages.resolve(publish.id) else { continue }
                    resolved.append((entry.continuation, publish.error))
                }
            }
            due = state.dueAlarms()
            // The next suspect, if they go one at a time.
            return resolved.isEmpty ? [] : send(&state)
        }
        for (continuation, error) in resolved { continuation.resume(error) }
        for alarm in due { alarm.ring() }
    }

    /// Tells whoever publishes the message that nobody waits for it any more; returns the channel on which it is under way.
    private func giveUp(_ id: UInt64) -> AMQPChannel? {
        var resolved: (entry: Republishing.Entry, isSent: Bool)?
        var channel: AMQPChannel?
        var due: [Alarm] = []
        change { state in
            resolved = state.messages.giveUp(id)
            channel = resolved?.isSent == true ? state.sender?.channel : nil
            due = state.dueAlarms()
            return resolved == nil ? [] : send(&state)
        }
        resolved?.entry.continuation.resume(Self.cancelled)
        for alarm in due { alarm.ring() }
        return channel
    }

    // MARK: Channels

    /// Keeps a channel open on this connection while there is something to publish; until cancelled.
    func run(on connection: AMQPConnection) async {
        var failures = 0
        var renewals = ChannelRenewals()
        while !Task.isCancelled, !box.withLockedValue({ $0.isClosed }) {
            guard box.withLockedValue({ !$0.messages.isEmpty }) else {
                await work.wait()
                continue
            }
            do {
                let channel = try await connection.openChannel(confirms: true)
                let error = await attach(channel, leavingAfter: renewals.delay(recovery))
                let culprits = detach(error)
                // Without an error it was we who closed it.
                if error == nil { renewals.note(.now) }
                failures = culprits.isEmpty && error != nil ? failures + 1 : 0
                guard !Task.isCancelled else { return await channel.close() }
            } catch {
                failures += 1
                guard connection.isOpen else { return }
                logger.warning("cannot open a channel to publish on", metadata: ["error": "\(error)"])
            }
            if failures > 0 {
                try? await Task.sleep(for: recovery.delay(afterFailures: failures, random: .random(in: 0..<1)))
            }
        }
    }

    /// Publishes on a channel until it ends; one whose messages are nacked is left, after a delay.
    private func attach(_ channel: AMQPChannel, leavingAfter delay: Duration) async -> AMQPError? {
        let sender = ChannelSender(channel, for: self)
        let sent = change { state in
            guard !state.isClosed else { return nil }
            state.sender = sender
            state.settled = nil
            state.messages.ready()
            return send(&state)
        }
        guard sent != nil else {
            // Closed while the channel was being opened: nobody else knows of it.
            await channel.close()
            return nil
        }
        return await withTaskGroup(of: Void.self, returning: AMQPError?.self) { group in
            group.addTask {
                await sender.nacked.wait()
                try? await Task.sleep(for: delay)
                guard !Task.isCancelled else { return }
                self.logger.info("messages are nacked: the next are published on a new channel")
                await self.settle()
                await channel.close()
            }
            let error = await channel.waitUntilClosed()
            group.cancelAll()
            return error
        }
    }

    /// How long a channel whose messages are nacked may take to confirm the others that it was sent.
    private static let settling = Duration.seconds(3)

    /// Sends nothing more on this channel and waits for the confirms of what was sent, so that it need not be sent
    /// again on the next.
    private func settle() async {
        let settled = Alarm()
        let isAwaiting = box.withLockedValue { state in
            state.messages.hold()
            if state.messages.isAwaitingConfirms { state.settled = settled }
            return state.messages.isAwaitingConfirms
        }
        if isAwaiting { await settled.wait(atMost: Self.settling) }
    }

    private func detach(_ error: AMQPError?) -> [Republishing.Entry] {
        let (culprits, due) = box.withLockedValue { state in
            state.sender = nil
            return (state.messages.channelEnded(error), state.dueAlarms())
        }
        for entry in culprits { entry.continuation.resume(error) }
        for alarm in due { alarm.ring() }
        return culprits
    }
}
