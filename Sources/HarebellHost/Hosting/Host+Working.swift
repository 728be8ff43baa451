public import Harebell
public import HarebellRabbitMQ

extension Host {
    /// How workers of this service work: prefetch, timeouts and retries from the settings.
    ///
    /// - Parameter publishes: The event types that the handlers publish.
    public func workerConfiguration(publishes: [EventType] = []) -> WorkerConfiguration {
        WorkerConfiguration(
            prefetch: settings.prefetch, handlerTimeout: settings.handlerTimeout, gracePeriod: settings.gracePeriod,
            retry: RetryPolicy(delayed: settings.retryDelays), publishes: publishes)
    }

    /// A worker of this service; pass it to ``run(_:)-([Service])``.
    ///
    /// - Parameters:
    ///   - publishes: The event types that the handlers publish.
    ///   - subscriptions: Handlers and subscriptions, one per event type.
    public func worker(
        publishes: [EventType] = [], @SubscriptionBuilder _ subscriptions: () -> [Subscription]
    ) -> Worker<RabbitMQTransport> {
        Worker(
            service: service, transport: transport, configuration: workerConfiguration(publishes: publishes),
            logger: logger, subscriptions)
    }

    /// Publishes in the service's name, outside a handler.
    public var publisher: Publisher<RabbitMQTransport> {
        Publisher(service: service, transport: transport)
    }
}
