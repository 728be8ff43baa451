/// The fixed delays on which copies of failed messages wait, and the arithmetic of descending them.
///
/// RabbitMQ expires messages only at the head of a queue, so every delay has a queue of its own with a queue-level
/// TTL. Any other delay is made of hops: a copy waits on the largest rung that still fits, comes back through the due
/// queue, and is sent on while its `harebell-not-before` is still ahead. A hop is not an attempt.
public struct RetryRungs: Sendable, Hashable {
    /// Where a copy waits next.
    public enum Hop: Sendable, Hashable {
        /// On the rung of this delay.
        case rung(Duration)
        /// Nowhere on the broker: the rest is shorter than the smallest rung, and a timer holds it.
        case timer(Duration)
        /// The time has come.
        case due
    }

    /// 1 s, 5 s, 30 s, 2 min, 10 min, 1 h.
    public static let `default` = RetryRungs([
        .seconds(1), .seconds(5), .seconds(30), .seconds(120), .seconds(600), .seconds(3600),
    ])

    /// The delays, shortest first, without repetitions.
    public let delays: [Duration]

    /// Makes rungs of `delays`, in whole milliseconds.
    ///
    /// - Precondition: at least one delay, none below 50 ms.
    public init(_ delays: [Duration]) {
        precondition(!delays.isEmpty, "at least one retry rung is needed")
        precondition(delays.allSatisfy { $0 >= .milliseconds(50) }, "a retry rung is at least 50 ms")
        self.delays = Set(delays.map { Duration.milliseconds($0.wholeMilliseconds) }).sorted()
    }

    /// Where a copy that must not be handled for `remaining` waits next.
    ///
    /// Never early: hops never exceed what remains, but for a last one that rounds up by at most 5 %, to save hops.
    public func hop(for remaining: Duration) -> Hop {
        guard remaining > .zero else { return .due }
        let roundedUp = remaining * 105 / 100
        if let last = delays.first(where: { $0 >= remaining && $0 <= roundedUp }) { return .rung(last) }
        if let largest = delays.last(where: { $0 <= remaining }) { return .rung(largest) }
        return .timer(remaining)
    }
}

extension Duration {
    /// The duration in whole milliseconds, rounded up.
    var wholeMilliseconds: Int64 {
        let (seconds, attoseconds) = components
        let thousandth: Int64 = 1_000_000_000_000_000
        return seconds * 1_000 + (attoseconds + thousandth - 1) / thousandth
    }

    /// The name of a rung: the largest unit that divides it, as in `5s`, `2m`, `250ms`.
    var rungName: String {
        let milliseconds = wholeMilliseconds
        for (unit, size) in [("h", Int64(3_600_000)), ("m", 60_000), ("s", 1_000)] where milliseconds % size == 0 {
            return "\(milliseconds / size)\(unit)"
        }
        return "\(milliseconds)ms"
    }
}
