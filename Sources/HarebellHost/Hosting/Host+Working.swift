public import Harebell
public import HarebellRabbitMQ

extension Host {
    /// How workers of this service work: prefetch, limits, timeouts and retries from the settings.
    ///
    /// - Parameters:
    ///   - publishes: The event types that the handlers publish.
    ///   - dependency: What all handlers depend on; with it, the service has a breaker.
    public func workerConfiguration(
        publishes: [EventType] = [], dependsOn dependency: String? = nil
    ) -> WorkerConfiguration {
        WorkerConfiguration(
            prefetch: settings.prefetch, handlerTimeout: settings.handlerTimeout, gracePeriod: settings.gracePeriod,
            retry: RetryPolicy(delayed: settings.retryDelays), concurrency: settings.limits.concurrency,
            rateLimit: settings.limits.rateLimit, maximumBodySize: settings.limits.maximumBodySize,
            maximumAge: settings.limits.maximumAge, breaker: settings.limits.breaker(for: dependency),
            publishes: publishes)
    }

    /// A worker of this service; pass it to ``run(_:)-([Service])``.
    ///
    /// - Parameters:
    ///   - publishes: The event types that the handlers publish.
    ///   - dependency: What all handlers depend on, such as a mail server. While it is down, the service takes nothing but
    ///     a probe from time to time.
    ///   - subscriptions: Handlers and subscriptions, one per event type.
    public func worker(
        publishes: [EventType] = [], dependsOn dependency: String? = nil,
        @SubscriptionBuilder _ subscriptions: () -> [Subscription]
    ) -> Worker<RabbitMQTransport> {
        Worker(
            service: service, transport: transport,
            configuration: workerConfiguration(publishes: publishes, dependsOn: dependency), logger: logger,
            subscriptions)
    }

    /// Publishes in the service's name, outside a handler.
    public var publisher: Publisher<RabbitMQTransport> {
        Publisher(service: service, transport: transport)
    }
}
