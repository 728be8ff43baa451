public import Logging

/// What a handler knows about the event it is handling, and the way to publish further ones.
public struct HandlerContext: Sendable {
    /// The event as it travelled.
    public let envelope: Envelope
    /// The service that is handling it.
    public let service: ServiceName
    /// The handler's name.
    public let handler: String
    /// Which call of the handler this is for the event, from 1.
    public let attempt: Int
    /// A logger that carries event id, type, attempt and correlation id.
    ///
    /// It is made each time it is asked for: keep it for several lines.
    public var logger: Logger { makeLogger() }
    private let makeLogger: @Sendable () -> Logger
    let held: HeldBackEvents

    init(
        envelope: Envelope, service: ServiceName, handler: String, attempt: Int,
        held: HeldBackEvents = HeldBackEvents(), logger makeLogger: @escaping @Sendable () -> Logger
    ) {
        self.envelope = envelope
        self.service = service
        self.handler = handler
        self.attempt = attempt
        self.held = held
        self.makeLogger = makeLogger
    }

    /// A context outside a worker, for calling a handler directly in a test.
    ///
    /// What the handler publishes through it goes nowhere; to see it, run the handler in a worker on an in-memory
    /// transport.
    public static func detached(
        _ envelope: Envelope, service: ServiceName, handler: String = "test", attempt: Int = 1,
        logger: Logger = Logger(label: "test")
    ) -> HandlerContext {
        HandlerContext(envelope: envelope, service: service, handler: handler, attempt: attempt) { logger }
    }

    /// The same on every attempt and every replay: give it to whoever can recognise a repetition.
    public var idempotencyKey: String { envelope.id.rawValue }

    /// Publishes an event once the handler has returned; nothing goes out if it throws.
    ///
    /// Correlation, causation and trace are carried on. The id is derived from the incoming event and the position
    /// among the published events, so a second run publishes the same ids: publish in a fixed order.
    /// - Throws: ``HarebellError``: `encodingFailed`, or `contextClosed` when the handler has already ended.
    public func publish(_ event: some Event) throws {
        try held.append { index in
            try Envelope(
                event, producer: service,
                id: .derived(from: envelope.id, service: service, handler: handler, index: index),
                causedBy: envelope, trace: TraceContext.current(orElse: envelope.trace))
        }
    }
}
