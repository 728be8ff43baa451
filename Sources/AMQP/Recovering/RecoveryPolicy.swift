/// How long to wait between attempts to connect or to subscribe again.
public struct RecoveryPolicy: Sendable, Hashable {
    /// The delay after the first failure.
    public var initialDelay: Duration
    /// What no delay exceeds.
    public var maximumDelay: Duration
    /// By how much each failure in a row lengthens the delay, 1 to 1000.
    public var multiplier: Double
    /// How much of a delay is random, 0 to 1: many clients must not come back at the same moment.
    public var jitter: Double
    /// The least delay after a refused login, which does not become right by trying often.
    public var refusedDelay: Duration

    /// Makes a policy.
    public init(
        initialDelay: Duration = .milliseconds(200), maximumDelay: Duration = .seconds(2), multiplier: Double = 2,
        jitter: Double = 0.5, refusedDelay: Duration = .seconds(10)
    ) {
        self.initialDelay = initialDelay
        self.maximumDelay = maximumDelay
        self.multiplier = multiplier
        self.jitter = jitter
        self.refusedDelay = refusedDelay
    }

    /// From 200 ms to 2 s, doubling, half of it random.
    public static let `default` = RecoveryPolicy()

    /// The delay after the given number of failures in a row.
    ///
    /// - Parameters:
    ///   - failures: at least 1.
    ///   - isRefused: whether the last one was a refused login.
    ///   - random: a number from 0 up to, not including, 1.
    public func delay(afterFailures failures: Int, isRefused: Bool = false, random: Double) -> Duration {
        var delay = initialDelay
        // What is no number counts as the least, and more than a thousand reaches any maximum soon enough.
        let factor = multiplier > 1 ? min(multiplier, 1000) : 1
        if factor > 1 {
            for _ in 1..<max(failures, 1) {
                guard delay < maximumDelay else { break }
                delay = delay * factor
            }
        }
        delay = min(delay, maximumDelay)
        if isRefused { delay = max(delay, refusedDelay) }
        return delay * (1 - (jitter > 0 ? min(jitter, 1) : 0) * random)
    }
}
