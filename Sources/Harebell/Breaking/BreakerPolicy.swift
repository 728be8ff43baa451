/// When a service stops taking messages because what its handlers depend on is down, and how it finds out that it is up.
///
/// ```swift
/// WorkerConfiguration(breaker: BreakerPolicy("partner"))
/// ```
/// It acts on the whole service, for it acts on its queue, so it has to be asked for, with the name of the one thing that
/// all handlers of the service need: one whose handlers depend on different things, or on nothing, would be stopped by a
/// failure that is no outage. Handlers that depend on different things are different services.
///
/// With ``Counting/transient``, a service whose only message fails each time for its own reasons stays broken and probes
/// it without end, for nothing tells that from an outage: <doc:Failures-and-retries> has the ways out, of which
/// ``Counting/dependencyDown`` is the best where errors say what they are.
public struct BreakerPolicy: Sendable, Hashable {
    /// Which failures say that the dependency may be down.
    public enum Counting: String, Sendable, Hashable, CaseIterable {
        /// Those that are classified so (``FailureClassification/dependencyDown(retryAfter:)``), and transient ones:
        /// timeouts, refused connections, and what nobody has classified.
        case transient
        /// Only those that are classified so.
        case dependencyDown
    }

    /// What the service depends on, for logs and metrics.
    public var dependency: String
    /// After how many failures in a row, of whatever messages, it opens.
    public var consecutiveFailures: Int
    /// From which share of failed calls on it opens, above 0 and at most 1; `nil` for never.
    public var failureRate: Double?
    /// How long a call counts for the rate.
    public var window: Duration
    /// How many calls there have to be for a rate.
    public var minimumSamples: Int
    /// How long it is open before the first probe; twice as long after each that fails.
    public var firstWait: Duration
    /// How long it is open at most between two probes.
    public var longestWait: Duration
    /// By how much a wait may be shorter or longer, so that replicas do not probe together.
    public var jitter: Jitter
    /// Which failures count.
    public var counting: Counting

    /// A policy; what is not given is the default's.
    ///
    /// Ten failures in a row open it, or half of at least twenty calls within a minute; probes follow after 1 s, 2 s,
    /// 4 s, 8 s, 16 s, 32 s, and then each minute, ± 20 %.
    public init(
        _ dependency: String, consecutiveFailures: Int = 10, failureRate: Double? = 0.5,
        window: Duration = .seconds(60), minimumSamples: Int = 20, firstWait: Duration = .seconds(1),
        longestWait: Duration = .seconds(60), jitter: Jitter = 0.2, counting: Counting = .transient
    ) {
        self.dependency = dependency
        self.consecutiveFailures = consecutiveFailures
        self.failureRate = failureRate
        self.window = window
        self.minimumSamples = minimumSamples
        self.firstWait = firstWait
        self.longestWait = longestWait
        self.jitter = jitter
        self.counting = counting
    }

    /// What is wrong with it, in words.
    var problems: [String] {
        var problems: [String] = []
        if consecutiveFailures < 1 { problems.append("the breaker has to allow at least 1 failure in a row") }
        if let failureRate, !(failureRate > 0 && failureRate <= 1) {
            problems.append("the breaker's failure rate is \(failureRate), must be above 0 and at most 1")
        }
        if minimumSamples < 1 { problems.append("the breaker needs at least 1 sample for a rate") }
        if window <= .zero || firstWait <= .zero || longestWait < firstWait {
            problems.append(
                "the breaker's window and waits must be above 0, and the longest wait no shorter than the first")
        }
        return problems
    }

    /// Whether a failure says that the dependency may be down.
    func counts(_ classification: FailureClassification) -> Bool {
        switch classification {
        case .dependencyDown: true
        case .transient: counting == .transient
        case .permanent: false
        }
    }

    /// How long it is open before a probe, the first being round 1.
    func wait(round: Int, random: Double) -> Duration {
        var wait = min(firstWait, longestWait)
        for _ in 1..<max(1, round) where wait < longestWait { wait = min(wait * 2, longestWait) }
        return jitter.delay(wait, random: random)
    }
}

/// What a service's breaker does.
public enum BreakerState: String, Sendable, Hashable, CaseIterable {
    /// Messages are taken as usual.
    case closed
    /// The dependency is down: nothing is taken.
    case open
    /// One message is taken, to see whether the dependency is up.
    case probing
}
