import NIOCore

/// When to send a heartbeat and when to give the peer up.
///
/// We send one when nothing was written for half the interval, and give up when nothing was read for two intervals
/// while we were really reading: a check that comes late (the process was stopped, the machine slept) first gives the
/// bytes that may have arrived meanwhile the chance to be read.
struct HeartbeatClock: Sendable {
    enum Verdict: Equatable {
        case alive
        case sendHeartbeat
        case dead
    }

    private let half: TimeAmount
    private var lastSent: NIODeadline
    private var lastReceived: NIODeadline
    /// When to check next.
    private(set) var nextCheck: NIODeadline

    /// - Parameter seconds: the negotiated interval, at least 1.
    init(seconds: Int64, now: NIODeadline) {
        half = .milliseconds(seconds * 500)
        lastSent = now
        lastReceived = now
        nextCheck = now + half
    }

    mutating func sent(at now: NIODeadline) {
        lastSent = now
    }

    mutating func received(at now: NIODeadline) {
        lastReceived = now
    }

    mutating func check(at now: NIODeadline) -> Verdict {
        guard now >= nextCheck else { return .alive }
        let isLate = now - nextCheck > half
        let end = lastReceived + half * 4
        if now >= end, !isLate { return .dead }
        // Not later than the end, if that comes before the next half is over.
        nextCheck = end > now ? min(now + half, end) : now + half
        // A timer may fire a little early, and a missed half means a whole interval of silence.
        if now - lastSent + .milliseconds(50) >= half {
            lastSent = now
            return .sendHeartbeat
        }
        return .alive
    }
}
