/// A service that can be looked at while it runs: what probes and metrics ask.
public protocol ObservableService: Sendable {
    /// How it is.
    ///
    /// Answers at once, and without the broker.
    func health() async -> ServiceHealth
    /// Whether it makes progress: only its name and `stuck` are looked at.
    ///
    /// Asked for `/livez` and the watchdog: to wait for a store here would have a process ended that only waits. What
    /// ``health()`` says unless told otherwise.
    func liveness() async -> ServiceHealth
    /// Brings its gauges up to date; called before metrics are read.
    func updateGauges() async
}

extension ObservableService {
    /// What ``health()`` says.
    public func liveness() async -> ServiceHealth { await health() }
}

/// How a service is.
public struct ServiceHealth: Sendable, Hashable {
    /// What it is called in reports.
    public var name: String
    /// What it is doing, in a word or two.
    public var state: String
    /// Whether it has begun to work, at least once.
    public var isStarted: Bool
    /// Whether it takes work now.
    public var isReady: Bool
    /// Why it must be restarted, if it must: it makes no progress.
    ///
    /// Never because of the broker.
    public var stuck: String?

    /// A service's health from its parts.
    public init(name: String, state: String, isStarted: Bool, isReady: Bool, stuck: String? = nil) {
        self.name = name
        self.state = state
        self.isStarted = isStarted
        self.isReady = isReady
        self.stuck = stuck
    }
}
