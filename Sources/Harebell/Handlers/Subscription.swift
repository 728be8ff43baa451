/// One handler for one type of event, with its own retry policy and timeout.
public struct Subscription: Sendable {
    /// One attempt: what runs each time the handler is called for a decoded event.
    typealias Attempt = @Sendable (HandlerContext) async throws -> Void

    /// The type of event subscribed to.
    public let eventType: EventType
    /// The handler's name in logs, dead letters and derived event ids: keep it when code moves.
    public let name: String
    /// The policy for failures; `nil` means the worker's.
    public let retry: RetryPolicy?
    /// How long one call may take; `nil` means the worker's.
    public let timeout: Duration?
    /// What its failures are, asked before the worker's rules.
    public let failures: [FailureRule]
    /// Decodes once per delivery; the attempts share the decoded event.
    ///
    /// The only erasure on a message's way, made at registration.
    let prepare: @Sendable (Envelope) throws -> Attempt
    /// How events are collected and handled together; `nil` for one at a time.
    let batches: BatchWork?

    /// A subscription whose handler is a closure.
    /// - Parameters:
    ///   - type: the event to subscribe to.
    ///   - name: the handler's name; the event's type unless given.
    ///   - retry: the policy for failures; the worker's unless given.
    ///   - timeout: how long one call may take; the worker's unless given. At most 10 minutes.
    ///   - failures: what errors mean that do not say so themselves, or need a policy of their own.
    ///   - body: does the work.
    public init<E: Event>(
        to type: E.Type, name: String? = nil, retry: RetryPolicy? = nil, timeout: Duration? = nil,
        failures: [FailureRule] = [], _ body: @escaping @Sendable (E, HandlerContext) async throws -> Void
    ) {
        self.eventType = E.eventType
        self.name = name ?? E.eventType.rawValue
        self.retry = retry
        self.timeout = timeout
        self.failures = failures
        self.prepare = { envelope in
            let event = try envelope.decode(E.self)
            return { context in try await body(event, context) }
        }
        self.batches = nil
    }

    /// A subscription that collects; what has to be handled alone is a batch of its own.
    init(
        batches: BatchWork, eventType: EventType, name: String, retry: RetryPolicy?, timeout: Duration?,
        failures: [FailureRule]
    ) {
        self.eventType = eventType
        self.name = name
        self.retry = retry
        self.timeout = timeout
        self.failures = failures
        self.prepare = { envelope in
            let event = try batches.decode(envelope)
            return { context in try await batches.call(alone: event, context) }
        }
        self.batches = batches
    }

    /// A subscription for a handler value.
    /// - Parameters:
    ///   - handler: does the work.
    ///   - name: the handler's name; its type's name unless given.
    ///   - retry: the policy for failures; the worker's unless given.
    ///   - timeout: how long one call may take; the worker's unless given. At most 10 minutes.
    ///   - failures: what errors mean that do not say so themselves, or need a policy of their own.
    public init<H: Handler>(
        _ handler: H, name: String? = nil, retry: RetryPolicy? = nil, timeout: Duration? = nil,
        failures: [FailureRule] = []
    ) {
        self.init(
            to: H.Message.self, name: name ?? String(describing: H.self), retry: retry, timeout: timeout,
            failures: failures
        ) { event, context in
            try await handler.handle(event, context: context)
        }
    }
}
