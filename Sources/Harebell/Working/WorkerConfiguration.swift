public import Metrics

/// How a worker works, where a subscription does not say otherwise.
public struct WorkerConfiguration: Sendable {
    /// How many messages are in the worker's hands at a time.
    public var prefetch: Int
    /// How long one call of a handler may take; at most ``longestHandlerTimeout``.
    public var handlerTimeout: Duration
    /// How long handlers may take to finish after shutdown began.
    public var gracePeriod: Duration
    /// What follows a failure.
    public var retry: RetryPolicy
    /// What errors mean that do not say so themselves; a subscription's own rules come first.
    public var failures: [FailureRule]
    /// How many messages are worked on at a time; `nil` for as many as are in hand.
    public var concurrency: Int?
    /// How many calls of handlers are made in a time; `nil` for as many as there can be.
    public var rateLimit: RateLimit?
    /// How many bytes a message's body may have; `nil` for what the transport allows.
    ///
    /// A message with more is poison.
    public var maximumBodySize: Int?
    /// How old an event may be when its turn comes; an older one is a dead letter `expired`, unless it is replayed.
    ///
    /// An event's age is counted from its ``Envelope/time``, through retries and outages. `nil` for any age.
    public var maximumAge: Duration?
    /// When the service stops taking messages because what its handlers depend on is down; `nil` for never.
    public var breaker: BreakerPolicy?
    /// The event types that handlers publish, so that the transport can prepare them.
    public var publishes: [EventType]
    /// Where the worker's metrics go; nil for the factory that `MetricsSystem` was bootstrapped with.
    public var metrics: (any MetricsFactory)?
    /// Time.
    public var clock: WorkerClock
    /// Chance.
    public var randomness: Randomness

    /// The longest timeout a handler can have: brokers close a channel whose messages stay unsettled for too long.
    public static let longestHandlerTimeout: Duration = .seconds(600)

    /// How long a message may be in the worker's hands without being settled, whether it waits there or is worked on.
    public static let longestStay: Duration = .seconds(900)
    /// How long a batch can wait for its events.
    public static let longestBatchWait: Duration = .seconds(60)
    /// What the prefetch can be.
    static let prefetches = 1...65_535

    /// A configuration; what is not given is the default's.
    public init(
        prefetch: Int = 20, handlerTimeout: Duration = .seconds(60), gracePeriod: Duration = .seconds(30),
        retry: RetryPolicy = .default, failures: [FailureRule] = [],
        concurrency: Int? = nil, rateLimit: RateLimit? = nil, maximumBodySize: Int? = nil, maximumAge: Duration? = nil,
        breaker: BreakerPolicy? = nil,
        publishes: [EventType] = [], metrics: (any MetricsFactory)? = nil, clock: WorkerClock = .system,
        randomness: Randomness = .system
    ) {
        self.prefetch = prefetch
        self.handlerTimeout = handlerTimeout
        self.gracePeriod = gracePeriod
        self.retry = retry
        self.failures = failures
        self.concurrency = concurrency
        self.rateLimit = rateLimit
        self.maximumBodySize = maximumBodySize
        self.maximumAge = maximumAge
        self.breaker = breaker
        self.publishes = publishes
        self.metrics = metrics
        self.clock = clock
        self.randomness = randomness
    }
}
