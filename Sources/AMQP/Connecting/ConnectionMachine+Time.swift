import NIOCore

/// Heartbeats and deadlines.
extension ConnectionMachine {
    /// Notes a deadline; wakes the event loop if its timer is set for later.
    mutating func noteDeadline(_ deadline: NIODeadline?) {
        guard let deadline else { return }
        earliestDeadline = earliestDeadline.map { min($0, deadline) } ?? deadline
        if let armedDeadline, armedDeadline <= deadline { return }
        wantWake()
    }

    /// When the event loop's timer must fire next; the loop promises to arm it.
    mutating func nextDeadline() -> NIODeadline? {
        var next = earliestDeadline
        for candidate in [heartbeat?.nextCheck, closeDeadline] {
            guard let candidate else { continue }
            next = next.map { min($0, candidate) } ?? candidate
        }
        armedDeadline = next
        return next
    }

    /// The timer fired: heartbeats and deadlines.
    mutating func tick(now: NIODeadline) {
        armedDeadline = nil
        out.spareBodies.releaseUnused()
        guard !isOver else { return }
        if let closeDeadline, now >= closeDeadline { return finish(nil) }
        switch heartbeat?.check(at: now) {
        case .sendHeartbeat where out.frames.byteCount == 0 && bytesInFlight == 0:
            out.frames.writeHeartbeat()
        case .dead:
            return finish(AMQPError(.connectionClosed, "the broker was silent for two heartbeat intervals"))
        default: break
        }
        if let earliestDeadline, now >= earliestDeadline { expire(now: now) }
        wantWake()
    }

    /// By how much a deadline may be missed, in favor of those that pass just before it.
    private static var shortestLook: TimeAmount { .milliseconds(10) }

    private mutating func expire(now: NIODeadline) {
        let error = AMQPError(.timedOut, "the broker did not answer in time; whether it did it is unknown")
        let late: (UInt64, NIODeadline?) -> Bool = { _, deadline in deadline.map { $0 <= now } ?? false }
        for index in channels.indices { channels[index]?.abandon(error, &out, where: late) }
        abandonGated(AMQPError(.timedOut, "the message could not be sent in time; it was not sent")) {
            late($0.publication.waiter.id, $0.publication.deadline)
        }
        var earliest = gated.lazy.compactMap(\.publication.deadline).min()
        for channel in channels {
            guard let deadline = channel?.earliestDeadline else { continue }
            earliest = earliest.map { min($0, deadline) } ?? deadline
        }
        // To look costs as much as there is to look at: deadlines that follow one another closely share a look.
        earliestDeadline = earliest.map { max($0, now + Self.shortestLook) }
    }
}
