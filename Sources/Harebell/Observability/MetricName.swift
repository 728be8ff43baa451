/// The labels of Harebell's metrics, and what each one means.
///
/// Those that begin with `messaging.` are OpenTelemetry's, of the semantic conventions for messaging 1.44.0 (status:
/// development). All others are Harebell's own.
public enum MetricName {
    static let processDuration = "messaging.process.duration"
    static let consumed = "messaging.client.consumed.messages"
    /// Events that were given to the broker.
    public static let sent = "messaging.client.sent.messages"
    /// How long that took.
    public static let operationDuration = "messaging.client.operation.duration"
    static let deliveries = "harebell.deliveries"
    static let attempts = "harebell.attempts"
    static let retries = "harebell.retries"
    static let retriesWaiting = "harebell.retries.waiting"
    static let deadLetters = "harebell.dead_letters"
    /// From an event's time to the moment it was handled.
    public static let criticalTime = "harebell.critical_time"
    /// From the beginning of the work on a message to the moment it was handled.
    public static let processingTime = "harebell.processing_time"
    static let clockSkew = "harebell.clock_skew"
    static let inHand = "harebell.messages.in_hand"
    static let inFlight = "harebell.handlers.in_flight"
    static let oldestAge = "harebell.messages.oldest_age_seconds"
    static let workerState = "harebell.worker.state"
    static let breakerState = "harebell.breaker.state"
    /// Whether a connection is open.
    public static let connectionOpen = "harebell.connection.open"
    /// Whether the broker takes no publishes from it.
    public static let connectionBlocked = "harebell.connection.blocked"
    /// For how long it took none.
    public static let connectionBlockedTime = "harebell.connection.blocked_seconds"
    /// How often it was opened.
    public static let connectionsOpened = "harebell.connections.opened"
    /// Events that no queue took.
    public static let unroutable = "harebell.publish.unroutable"
    /// Events that the broker did not store and that were published again.
    public static let nacked = "harebell.publish.nacked"

    /// Events that wait in an outbox for the broker.
    public static let outboxPending = "harebell.outbox.pending"
    /// For how long the oldest of them has.
    public static let outboxOldest = "harebell.outbox.oldest_seconds"

    /// One sentence per metric, by its label.
    public static let descriptions: [String: String] = [
        processDuration: "How long calls of a handler took; error_type tells those that failed.",
        consumed: "Messages that were delivered to the service.",
        sent: "Events given to the broker; error_type tells those that failed.",
        operationDuration: "How long it took until the broker had confirmed an event.",
        deliveries: "Deliveries by outcome: handled, retry_scheduled, dead_lettered or released.",
        attempts: "Calls of handlers by result: returned, transient, permanent, timeout or dependency_down.",
        retries: "Retries by kind: immediate in place, or delayed over the broker.",
        retriesWaiting:
            "Messages in hand that pause before an immediate retry; delayed ones wait in the broker's queues.",
        deadLetters: "Messages that became dead letters, by reason.",
        criticalTime: "From the event's time to the moment it was handled, with all waiting and retries.",
        processingTime: "From the beginning of the work on a message to the moment it was handled.",
        clockSkew: "Handled events whose time is in the future: clocks differ.",
        inHand: "Messages in the worker's hands, unsettled.",
        inFlight: "Calls of handlers that are running.",
        oldestAge: "How long the oldest message in hand has been there.",
        workerState:
            "1 for what the worker is doing: starting, running, blocked, broken, draining, paused, stopping or stopped.",
        breakerState: "1 for what the service's breaker does: closed, open or probing.",
        connectionOpen: "1 while the connection to the broker is open.",
        connectionBlocked: "1 while the broker takes no publishes on this connection: it is short of memory or disk.",
        connectionBlockedTime: "For how long the broker took no publishes on this connection.",
        connectionsOpened: "How often a connection to the broker was opened; more than once is after a loss.",
        unroutable: "Events that the broker returned, for no queue and no alternate exchange took them.",
        outboxPending: "Events that wait in the outbox for the broker.",
        outboxOldest: "For how long the oldest event in the outbox has waited.",
        nacked: "Events that the broker did not store and that were published again.",
    ]
}
