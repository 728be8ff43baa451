/// Publishes events outside a handler: from an HTTP request, a timer, a command.
public struct Publisher<T: Transport>: Sendable {
    /// The service in whose name events are published.
    public let service: ServiceName
    private let transport: T

    /// A publisher for a service.
    public init(service: ServiceName, transport: T) {
        self.service = service
        self.transport = transport
    }

    /// Publishes an event and returns its id once the transport has confirmed that it is durable.
    ///
    /// When it throws it is unknown whether the event went out. For "the row and the event, or neither" use an outbox.
    /// - Parameters:
    ///   - event: what happened.
    ///   - correlationID: the business transaction it belongs to; the event's own id unless given.
    @discardableResult
    public func publish(_ event: some Event, correlationID: String? = nil) async throws -> EventID {
        let envelope = try Envelope(
            event, producer: service, correlationID: correlationID, trace: TraceContext.current())
        try await transport.publishInSpan(envelope)
        return envelope.id
    }
}
