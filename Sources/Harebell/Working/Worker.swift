public import Logging
public import ServiceLifecycle

/// Runs a service's handlers: takes messages from the transport and sees each one to a known outcome.
public final class Worker<T: Transport>: Service {
    /// The service it works for.
    public let service: ServiceName
    let transport: T
    let configuration: WorkerConfiguration
    let logger: Logger
    let subscriptions: [Subscription]

    /// A worker; nothing happens before ``run()``.
    public init(
        service: ServiceName, transport: T, configuration: WorkerConfiguration = WorkerConfiguration(),
        logger: Logger, @SubscriptionBuilder _ subscriptions: () -> [Subscription]
    ) {
        self.service = service
        self.transport = transport
        self.configuration = configuration
        self.logger = logger
        self.subscriptions = subscriptions()
    }

    /// Works until graceful shutdown or cancellation.
    public func run() async throws {
        // Placeholder of the first push: the declarations are final, the loop follows.
        try? await gracefulShutdown()
    }
}
