import Logging
import NIOCore

extension ConnectionMachine {
    /// Publishes a message, now or when the gate opens; the waiter is told once.
    mutating func publish(
        _ message: OutgoingMessage, on id: ChannelID, _ waiter: PublishWaiter, deadline: NIODeadline?,
        isCancelled: Bool
    ) {
        if let error = refusal(id) ?? Self.cancellation(isCancelled) { return out.complete(waiter, error) }
        var batch = PublicationBatch()
        do {
            try batch.append(
                message, on: id, frameMax: out.frames.frameMax, isReturnKeyNeeded: true, waiter, deadline: deadline)
        } catch {
            return out.complete(waiter, error)
        }
        publish(batch)
    }

    /// Publishes encoded messages in their order.
    ///
    /// The gate is shut while the broker blocks or stops publishing and while too many bytes wait for the network.
    mutating func publish(_ batch: PublicationBatch) {
        take([.publications(count: batch.publications.count)], batch)
    }

    /// Does what was handed in, in its order.
    mutating func take(_ contents: Intake.Contents) {
        take(contents.entries, contents.batch)
        for settled in contents.settled {
            if settled.settlement == .acknowledge {
                acknowledge(settled.tags, on: settled.channel)
            } else {
                for tag in settled.tags { _ = settle(tag, settled.settlement, on: settled.channel) }
            }
        }
    }

    private mutating func take(_ entries: [Intake.Entry], _ batch: PublicationBatch) {
        guard !entries.isEmpty else { return }
        var publications = batch.publications[...]
        var bytes = PublicationBatch.Reader(batch)
        var cancelled: [ChannelID: Set<UInt64>] = [:]
        for entry in entries {
            switch entry {
            case .publications(let count):
                send(publications.prefix(count), &bytes)
                publications = publications.dropFirst(count)
            case .cancelled(let waiterID, let channel): cancelled[channel, default: []].insert(waiterID)
            }
        }
        for (channel, calls) in cancelled { cancelPublishes(calls, on: channel) }
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

    /// Sends what can be sent, in runs of frames; refuses or keeps the rest.
    private mutating func send(
        _ publications: ArraySlice<PublicationBatch.Publication>, _ bytes: inout PublicationBatch.Reader
    ) {
        for publication in publications {
            if let error = refusal(publication.channel) {
                _ = bytes.read(publication, &out.frames)
                out.complete(publication.waiter, error)
                continue
            }
            noteDeadline(publication.deadline)
            guard gated.isEmpty, isGateOpen else {
                let frames = bytes.read(publication, &out.frames)
                gated.append(Gated(frames: frames, publication: publication))
                continue
            }
            bytes.send(publication, &out.frames)
            note(publication)
            if out.frames.byteCount + bytes.run + bytesInFlight > Self.highWater { isOverHighWater = true }
        }
        bytes.flush(&out.frames)
    }

    /// Expects the confirm of a message whose frames go out now.
    private mutating func note(_ publication: PublicationBatch.Publication) {
        guard let index = index(of: publication.channel), channels[index]?.hasConfirms == true else {
            return out.complete(publication.waiter, nil)
        }
        channels[index]?.confirms.append(
            publication.waiter, key: publication.key, deadline: publication.deadline)
    }

    /// Lets gated publishes go, as many as there is room for.
    mutating func openGate() {
        if out.frames.byteCount + bytesInFlight <= Self.lowWater { isOverHighWater = false }
        guard !gated.isEmpty, isGateOpen else { return }
        while isGateOpen, let entry = gated.popFirst() {
            if let error = refusal(entry.publication.channel) {
                out.complete(entry.publication.waiter, error)
                continue
            }
            out.frames.append(entry.frames)
            if let body = entry.publication.body {
                out.frames.append(body, channel: entry.publication.channel.number)
            }
            note(entry.publication)
            if out.frames.byteCount + bytesInFlight > Self.highWater { isOverHighWater = true }
        }
        wantWake()
    }

    /// The tasks that wait for publishes, or for batches of them, were cancelled.
    mutating func cancelPublishes(_ calls: Set<UInt64>, on id: ChannelID) {
        let gated = abandonGated(AMQPError(.cancelled, "the task was cancelled; the message was not sent")) {
            calls.contains($0.publication.waiter.id)
        }
        // When the first waited for the gate, so did all.
        let sent = calls.subtracting(gated.lazy.filter(\.isFirstOfItsCall).map(\.id))
        guard !sent.isEmpty, let index = index(of: id) else { return }
        let error = AMQPError(.cancelled, "the task was cancelled; whether the message was stored is unknown")
        channels[index]?.abandonPublishes(of: sent, error, &out)
    }

    /// Gives up publishes that wait for the gate; returns who waited for them.
    @discardableResult
    mutating func abandonGated(_ error: AMQPError, where isGivenUp: (Gated) -> Bool) -> [PublishWaiter] {
        let waiters = gated.filter(isGivenUp).map(\.publication.waiter)
        guard !waiters.isEmpty else { return [] }
        gated.removeAll(where: isGivenUp)
        for waiter in waiters { out.complete(waiter, error) }
        return waiters
    }
}
