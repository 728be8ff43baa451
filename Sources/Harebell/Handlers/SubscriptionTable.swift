/// A worker's subscriptions by event type, checked and completed with the worker's defaults.
struct SubscriptionTable: Sendable {
    /// One subscription with everything decided; shared by all its deliveries.
    final class Route: Sendable {
        let subscription: Subscription
        let retry: RetryPolicy
        let timeout: Duration
        let failures: [FailureRule]
        /// Its place among ``SubscriptionTable/eventTypes``.
        let place: Int

        init(
            subscription: Subscription, retry: RetryPolicy, timeout: Duration, failures: [FailureRule], place: Int
        ) {
            self.subscription = subscription
            self.retry = retry
            self.timeout = timeout
            self.failures = failures
            self.place = place
        }
    }

    private let routes: [EventType: Route]
    /// The subscribed event types, in the order they were written.
    let eventTypes: [EventType]

    /// Finds all mistakes at once.
    /// - Throws: ``HarebellError`` with code `invalidWorker`.
    init(_ subscriptions: [Subscription], service: ServiceName, configuration: WorkerConfiguration) throws {
        var problems: [String] = []
        var routes: [EventType: Route] = [:]
        var eventTypes: [EventType] = []
        if subscriptions.isEmpty { problems.append("it subscribes to nothing") }
        if !WorkerConfiguration.prefetches.contains(configuration.prefetch) {
            problems.append("prefetch is \(configuration.prefetch), must be 1 to 65535")
        }
        if configuration.gracePeriod < .zero { problems.append("the grace period is negative") }
        if let concurrency = configuration.concurrency, concurrency < 1 || concurrency > configuration.prefetch {
            problems.append("the concurrency is \(concurrency), must be 1 to the prefetch, \(configuration.prefetch)")
        }
        if let limit = configuration.maximumBodySize, limit < 0 { problems.append("the maximum body size is negative") }
        if let age = configuration.maximumAge, age <= .zero { problems.append("the maximum age is not above 0") }
        problems += configuration.breaker?.problems ?? []
        for subscription in subscriptions {
            let timeout = subscription.timeout ?? configuration.handlerTimeout
            if timeout <= .zero || timeout > WorkerConfiguration.longestHandlerTimeout {
                problems.append(
                    "the timeout of \(subscription.name) is \(timeout), must be above 0 and at most 10 minutes")
            }
            problems += subscription.batchProblems(configuration)
            if let other = routes[subscription.eventType] {
                problems.append(
                    "\(subscription.eventType) has two handlers, \(other.subscription.name) and \(subscription.name);"
                        + " a service has one per event type, what must fail alone is a service of its own")
            } else {
                routes[subscription.eventType] = Route(
                    subscription: subscription, retry: subscription.retry ?? configuration.retry, timeout: timeout,
                    failures: subscription.failures + configuration.failures, place: eventTypes.count)
                eventTypes.append(subscription.eventType)
            }
        }
        guard problems.isEmpty else {
            throw HarebellError(
                .invalidWorker, "worker \"\(service)\" cannot start: \(problems.joined(separator: "; "))")
        }
        self.routes = routes
        self.eventTypes = eventTypes
        self.hasBatches = routes.values.contains { $0.subscription.batches != nil }
    }

    subscript(_ type: EventType) -> Route? { routes[type] }

    /// Whether any of them collects.
    let hasBatches: Bool

    /// The longest timeout of them all.
    var longestTimeout: Duration { routes.values.map(\.timeout).max() ?? .zero }

    var all: [Route] { eventTypes.compactMap { routes[$0] } }
}

extension Subscription {
    /// What is wrong with its batches, in words.
    fileprivate func batchProblems(_ configuration: WorkerConfiguration) -> [String] {
        guard let batches else { return [] }
        var problems: [String] = []
        if batches.size < 1 { problems.append("the batches of \(name) have up to \(batches.size), must be at least 1") }
        if batches.wait <= .zero || batches.wait > WorkerConfiguration.longestBatchWait {
            problems.append("the batches of \(name) wait for \(batches.wait), must be above 0 and at most a minute")
        }
        if batches.size > configuration.prefetch {
            problems.append(
                "the batches of \(name) have up to \(batches.size), and the prefetch is \(configuration.prefetch):"
                    + " it must be at least as much, or no batch is ever full")
        }
        if let concurrency = configuration.concurrency, batches.size > concurrency {
            problems.append(
                "the batches of \(name) have up to \(batches.size), and the concurrency is \(concurrency):"
                    + " it must be at least as much, for it counts messages")
        }
        return problems
    }
}
