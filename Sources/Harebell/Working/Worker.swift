public import Logging
import Metrics
public import ServiceLifecycle
import Synchronization

/// Runs a service's handlers: takes messages from the transport and sees each one to a known outcome.
///
/// ```swift
/// let worker = Worker(service: "email", transport: transport, logger: logger) {
///     SendReceipt(mailer: mailer)
///     Subscription(to: LoanCanceled.self, timeout: .seconds(10)) { loan, context in
///         context.logger.info("canceled")
///     }
/// }
/// try await ServiceGroup(services: [transport, worker], gracefulShutdownSignals: [.sigterm], logger: logger).run()
/// ```
/// Nothing is acknowledged before its outcome is durable. Every row of what can happen is in <doc:Failures-and-retries>.
public final class Worker<T: Transport>: Service {
    /// The service it works for.
    public let service: ServiceName
    private let transport: T
    private let configuration: WorkerConfiguration
    let logger: Logger
    let subscriptions: [Subscription]
    private let phase = Mutex(Phase.starting)
    private let metrics = Mutex<WorkerMetrics?>(nil)
    let plan: Watched<TakingPlan>

    private enum Phase {
        case starting
        case working(Shift)
        case stopped
    }

    /// A worker; nothing happens before ``run()``.
    public init(
        service: ServiceName, transport: T, configuration: WorkerConfiguration = WorkerConfiguration(),
        logger: Logger, @SubscriptionBuilder _ subscriptions: () -> [Subscription]
    ) {
        self.service = service
        self.transport = transport
        self.configuration = configuration
        self.logger = logger
        self.plan = Watched(TakingPlan(prefetch: configuration.prefetch, breaker: configuration.breaker))
        self.subscriptions = subscriptions()
    }

    /// What the worker is doing.
    public var state: WorkerState {
        switch phase.withLock({ $0 }) {
        case .starting: .starting
        case .working(let shift) where shift.ledger.isStopping: .stopping
        case .working(let shift):
            switch plan.read(\.wish) {
            case .pause: .paused
            case .drain: shift.ledger.isEmpty ? .paused : .draining
            case .work where shift.ledger.isHeldBack: .blocked
            case .work: (breakerState ?? .closed) == .closed ? .running : .broken
            }
        case .stopped: .stopped
        }
    }

    /// What the service's breaker does; `nil` without one.
    public var breakerState: BreakerState? { plan.read(\.breaker?.state) }

    /// How many messages are in the worker's hands now.
    public var messagesInHand: Int {
        if case .working(let shift) = phase.withLock({ $0 }) { shift.ledger.count } else { 0 }
    }

    /// Whether it has handlers of batches.
    package var hasBatches: Bool { subscriptions.contains { $0.batches != nil } }

    /// How many messages wait for others of their batch, and until which uptime the first of these does; `nil` if none do.
    package var collecting: (count: Int, until: Duration)? {
        if case .working(let shift) = phase.withLock({ $0 }) { shift.lineup.read(\.collecting) } else { nil }
    }

    /// For how long the handler that has been overdue for longest has been so.
    var longestOverdue: Duration? {
        guard case .working(let shift) = phase.withLock({ $0 }) else { return nil }
        return shift.stuck.first.map { configuration.clock.uptime() - $0 }
    }

    /// Brings the gauges up to date: messages in hand and the age of the oldest, running handlers, the worker's state.
    ///
    /// Counters and timers need no call. Call it before metrics are read, or from time to time for a backend that sends
    /// them by itself.
    public func updateGauges() {
        guard let metrics = metrics.withLock({ $0 }) else { return }
        guard case .working(let shift) = phase.withLock({ $0 }) else {
            return metrics.show(state, breaker: breakerState)
        }
        let age = shift.ledger.oldest.map { configuration.clock.uptime() - $0 } ?? .zero
        metrics.show(state, breaker: breakerState, inHand: shift.ledger.count, oldestAge: age)
    }

    /// Returns when nothing is in hand, or shutdown has come.
    func emptied() async {
        if case .working(let shift) = phase.withLock({ $0 }) { await shift.ledger.emptied() }
    }

    /// Works until graceful shutdown or cancellation.
    ///
    /// On shutdown it takes nothing new, lets running handlers finish within the grace period, cancels the rest and
    /// hands their messages back in their old order, uncounted.
    /// - Throws: ``HarebellError`` with code `invalidWorker` when the worker is put together wrongly (all mistakes at
    ///   once), `endpointEnded` when deliveries end by themselves, or what the transport throws while it opens.
    public func run() async throws {
        defer {
            phase.withLock { $0 = .stopped }
            plan.change { $0.ends() }
        }
        let table = try SubscriptionTable(subscriptions, service: service, configuration: configuration)
        // Made only now, for the metrics system may be bootstrapped after the worker is made.
        let metrics = WorkerMetrics(
            service: service, eventTypes: table.eventTypes, hasBreaker: configuration.breaker != nil,
            factory: configuration.metrics)
        self.metrics.withLock { $0 = metrics }
        let prefetch = prefetch
        guard let endpoint = try await open(table, prefetch: prefetch) else { return }
        let shift = Shift(
            service: service, table: table, configuration: configuration, plan: plan, endpoint: endpoint,
            logger: logger, metrics: metrics, publish: { [transport] in try await transport.publishInSpan($0) })
        phase.withLock { $0 = .working(shift) }
        logger.info(
            "Working", metadata: ["service": "\(service)", "subscribes": "\(table.eventTypes)"])
        try await shift.run(opened: .many(prefetch: prefetch))
        logger.info("Stopped", metadata: ["service": "\(service)"])
    }

    /// The endpoint; `nil` if shutdown came first.
    private func open(_ table: SubscriptionTable, prefetch: Int) async throws -> T.Endpoint? {
        let description = EndpointDescription(
            service: service, subscribes: table.eventTypes, publishes: configuration.publishes,
            prefetch: prefetch)
        do {
            return try await cancelWhenGracefulShutdown { [transport] in try await transport.open(description) }
        } catch  where Task.isCancelled || Task.isShuttingDownGracefully {
            return nil
        }
    }
}
