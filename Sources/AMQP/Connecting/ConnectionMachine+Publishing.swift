import Logging
import NIOCore

extension ConnectionMachine {
    /// Publishes a message, now or when the gate opens; the waiter is told once.
    ///
    /// The gate is shut while the broker blocks or stops publishing and while too many bytes wait for the network.
    mutating func publish(
        _ message: OutgoingMessage, on id: ChannelID, _ waiter: PublishWaiter, deadline: NIODeadline?,
        isCancelled: Bool
    ) {
        if let error = refusal(id) ?? Self.cancellation(isCancelled) { return out.complete(waiter, error) }
        noteDeadline(deadline)
        guard gated.isEmpty, isGateOpen else {
            gated.append(Gated(message: message, channel: id, waiter: waiter, deadline: deadline))
            return
        }
        send(message, on: id, waiter, deadline)
        wantWake()
    }

    private var isGateOpen: Bool { blockedReason == nil && !isOverHighWater && stoppedChannels.isEmpty }

    /// The broker stops or resumes content on a channel (AMQP 0-9-1 §1.5.2.3).
    ///
    /// The gate is one for the connection, since publishes leave in the order of the calls.
    mutating func setFlow(_ isActive: Bool, on number: UInt16) {
        if isActive { stoppedChannels.remove(number) } else { stoppedChannels.insert(number) }
        out.effects.append(
            .log(
                .notice, "the broker \(isActive ? "resumes" : "stops") publishing by channel.flow on channel \(number)")
        )
        openGate()
    }

    private mutating func send(
        _ message: OutgoingMessage, on id: ChannelID, _ waiter: PublishWaiter, _ deadline: NIODeadline?
    ) {
        guard let index = index(of: id), let hasConfirms = channels[index]?.hasConfirms else {
            return out.complete(waiter, refusal(id))
        }
        let properties: Range<Int>
        do {
            properties = try out.frames.write(message, channel: id.number)
        } catch {
            return out.complete(waiter, error)
        }
        if hasConfirms {
            var key: ReturnKey?
            if message.mandatory {
                key = out.frames.batch.withUnsafeReadableBytes { bytes in
                    ReturnKey(message, properties: UnsafeRawBufferPointer(rebasing: bytes[properties]))
                }
            }
            channels[index]?.confirms.append(waiter, key: key, deadline: deadline)
        } else {
            out.complete(waiter, nil)
        }
        if out.frames.batch.readableBytes + bytesInFlight > Self.highWater { isOverHighWater = true }
    }

    /// Lets gated publishes go, as many as there is room for.
    mutating func openGate() {
        if out.frames.batch.readableBytes + bytesInFlight <= Self.lowWater { isOverHighWater = false }
        guard !gated.isEmpty, isGateOpen else { return }
        while isGateOpen, let entry = gated.popFirst() {
            if let error = refusal(entry.channel) {
                out.complete(entry.waiter, error)
            } else {
                send(entry.message, on: entry.channel, entry.waiter, entry.deadline)
            }
        }
        wantWake()
    }

    /// The task that waits for a publish, or a batch of them, was cancelled.
    mutating func cancelPublish(_ waiterID: UInt64, on id: ChannelID) {
        abandonGated(AMQPError(.cancelled, "the task was cancelled; the message was not sent")) {
            $0.waiter.id == waiterID
        }
        guard let index = index(of: id) else { return }
        let error = AMQPError(.cancelled, "the task was cancelled; whether the message was stored is unknown")
        channels[index]?.abandon(error, &out) { id, _ in id == waiterID }
    }

    mutating func abandonGated(_ error: AMQPError, where isGivenUp: (Gated) -> Bool) {
        guard gated.contains(where: isGivenUp) else { return }
        for entry in gated where isGivenUp(entry) { out.complete(entry.waiter, error) }
        gated.removeAll(where: isGivenUp)
    }
}
