public import ServiceLifecycle

/// Carries events between services: RabbitMQ in production, memory in tests.
///
/// Its `run()` is the root task of the connections and ends after graceful shutdown or cancellation. A worker does not
/// run it: the application runs the transport as a service of its own, started before the workers and stopped after
/// them.
public protocol Transport: Service {
    /// The receiving end that ``open(_:)`` makes.
    associatedtype Endpoint: TransportEndpoint

    /// Publishes an event to all its subscribers; it is durable when this returns.
    ///
    /// An error that will be the same next time (too large, a name the broker cannot take) must say so by
    /// ``FailureClassifying``; all others are tried again by the worker without end.
    func publish(_ envelope: Envelope) async throws

    /// Whether an error of ``publish(_:)`` is about that event alone, so that others may get through meanwhile.
    ///
    /// An outage is about all of them. What ``FailureClassification`` calls permanent unless told otherwise.
    func isAboutEvent(_ error: any Error) -> Bool

    /// Waits for the connection, applies or proves the service's topology and starts to deliver.
    func open(_ description: EndpointDescription) async throws -> Endpoint
}

extension Transport {
    /// What cannot be sent at all.
    public func isAboutEvent(_ error: any Error) -> Bool { FailureClassification(error) == .permanent }
}

/// What a worker needs from its transport.
public struct EndpointDescription: Sendable, Hashable {
    /// The service whose queue is consumed.
    public var service: ServiceName
    /// The event types its queue is bound to.
    public var subscribes: [EventType]
    /// The event types its handlers publish.
    public var publishes: [EventType]
    /// How many deliveries may be unsettled at a time.
    public var prefetch: Int

    /// A description from its parts.
    public init(service: ServiceName, subscribes: [EventType], publishes: [EventType] = [], prefetch: Int = 20) {
        self.service = service
        self.subscribes = subscribes
        self.publishes = publishes
        self.prefetch = prefetch
    }
}
