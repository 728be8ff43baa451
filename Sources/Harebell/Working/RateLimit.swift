/// How many calls of handlers a service makes in a time: a token bucket.
///
/// Each call takes a token, also one that is a retry in place. Tokens come one by one at the rate; those that nobody has
/// taken are kept, up to ``burst``.
public struct RateLimit: Sendable, Hashable {
    /// The time in which one token comes.
    public let interval: Duration
    /// How many tokens are kept: how many calls can be made at once after a while without any.
    public let burst: Int

    /// So many calls in a time.
    /// - Parameters:
    ///   - calls: how many calls; at least 1.
    ///   - period: in which time; a second unless given.
    ///   - burst: how many of them can be made at once; what comes in a tenth of a second unless given, at least 1.
    public init(_ calls: Int, per period: Duration = .seconds(1), burst: Int? = nil) {
        let calls = max(1, calls)
        self.interval = max(period / calls, .nanoseconds(1))
        self.burst = max(1, burst ?? Int((.milliseconds(100) / interval).rounded(.down)))
    }
}

/// The tokens of a ``RateLimit``, as a value that is told the time.
struct TokenBucket: Sendable {
    private let limit: RateLimit
    /// When all tokens that were taken will have come.
    private var allCome = Duration.zero

    init(_ limit: RateLimit) {
        self.limit = limit
    }

    /// When the next token can be taken.
    func nextToken(at now: Duration) -> Duration { max(now, allCome - limit.interval * (limit.burst - 1)) }

    /// Takes a token, whether it has come or not, and says when the taker may use it.
    mutating func take(at now: Duration) -> Duration {
        let usable = nextToken(at: now)
        allCome = max(allCome, now) + limit.interval
        return usable
    }
}
