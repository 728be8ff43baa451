/// How a delivery ended for this worker.
enum DeliveryOutcome: Sendable, Hashable {
    /// The handler returned and what it published is durable: acknowledge.
    case handled
    /// A copy waits for its retry; the transport has acknowledged.
    indirect case retryScheduled(after: Duration, FailureRecord)
    /// A copy is in the dead-letter queue; the transport has acknowledged.
    indirect case deadLettered(DeadLetterReason, FailureRecord)
    /// Shutdown came first: hand back, uncounted.
    case released

    /// The outcome's name in logs and metrics.
    var name: String {
        switch self {
        case .handled: "handled"
        case .retryScheduled: "retry_scheduled"
        case .deadLettered: "dead_lettered"
        case .released: "released"
        }
    }
}
