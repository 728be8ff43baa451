/// How often and when a failed message is tried again.
///
/// A value without state: the decision is a pure function.
///
/// An attempt is one call of the handler, counted from 1 and kept with the message. The default policy: three retries
/// at once (after 0, 50 and 250 ms), then after 1 s, 5 s, 30 s, 2 min, 10 min and 1 h, each ± 20 %. The tenth failure is
/// the dead letter.
public struct RetryPolicy: Sendable, Hashable {
    /// Delays of the retries that happen in place, while the message stays unacknowledged.
    public var immediate: [Duration]
    /// Delays of the retries that wait in the transport, after the immediate ones.
    public var delayed: [Duration]
    /// By how much a delayed retry may be earlier or later.
    public var jitter: Jitter
    /// How long after its first failure a message may be tried again; `nil` for as long as there are retries.
    public var maximumAge: Duration?

    /// The longest delay that is ever asked for, whatever a `Retry-After` says.
    public static let longestDelay: Duration = .seconds(24 * 60 * 60)

    /// A policy; what is not given is the default's.
    ///
    /// Delays are written one by one, or as `.exponential(from: .seconds(1), times: 10)` and its like.
    public init(
        immediate: [Duration] = [.zero, .milliseconds(50), .milliseconds(250)],
        delayed: [Duration] = [.seconds(1), .seconds(5), .seconds(30), .seconds(120), .seconds(600), .seconds(3600)],
        jitter: Jitter = 0.2, maximumAge: Duration? = nil
    ) {
        self.immediate = immediate
        self.delayed = delayed
        self.jitter = jitter
        self.maximumAge = maximumAge
    }

    /// Three retries at once, six delayed ones over about 1 h 13 min.
    public static let `default` = RetryPolicy()
    /// No retry: the first failure is the dead letter.
    ///
    /// Where an optional policy is expected, write `RetryPolicy.none`: a bare `.none` is Swift's "no value".
    public static let none = RetryPolicy(immediate: [], delayed: [], jitter: 0)

    /// How often a handler is called at most.
    public var maximumAttempts: Int { 1 + immediate.count + delayed.count }

    /// What follows when an attempt has failed.
    /// - Parameters:
    ///   - attempt: the attempt that failed, from 1.
    ///   - classification: what kind of failure it was.
    ///   - age: the time since the first failure.
    ///   - random: a number in 0 ..< 1, for the jitter.
    public func decision(
        attempt: Int, classification: FailureClassification, age: Duration = .zero, random: Double
    ) -> FailureDecision {
        guard classification != .permanent else { return .deadLetter(.permanent) }
        let retryAfter = classification.retryAfter
        let failures = max(1, attempt)
        guard failures < maximumAttempts else { return .deadLetter(.exhausted) }
        let isDown = if case .dependencyDown = classification { true } else { false }
        let isAtOnce = retryAfter == nil && failures <= immediate.count && !(isDown && !delayed.isEmpty)
        let delay =
            if let retryAfter {
                Self.bounded(retryAfter)
            } else if isAtOnce {
                Self.bounded(immediate[failures - 1])
            } else {
                Self.bounded(
                    jitter.delay(Self.bounded(delayed[max(0, failures - 1 - immediate.count)]), random: random))
            }
        if let maximumAge, age + delay > maximumAge { return .deadLetter(.exhausted) }
        return isAtOnce ? .retryImmediately(after: delay) : .retryDelayed(after: delay)
    }

    private static func bounded(_ delay: Duration) -> Duration { min(max(delay, .zero), longestDelay) }
}

extension RetryPolicy {
    /// For events that no handler takes: five delayed retries over at least ten minutes bridge a rolling deployment.
    static let unhandled = RetryPolicy(
        immediate: [], delayed: [.seconds(30), .seconds(60), .seconds(120), .seconds(300), .seconds(600)])

    /// What follows when an event has been found without a handler, `visits` times by now.
    static func unhandledDecision(visits: Int, random: Double) -> FailureDecision {
        let decision = unhandled.decision(
            attempt: visits, classification: .transient(retryAfter: nil), random: random)
        return decision == .deadLetter(.exhausted) ? .deadLetter(.unhandled) : decision
    }
}
