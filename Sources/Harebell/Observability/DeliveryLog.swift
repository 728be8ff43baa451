import Logging
import Synchronization

/// The log lines about one delivery: one per outcome, with who and what, never with a body.
///
/// Its texts are built when a line is written or a handler asks for its logger, so that what is not logged costs nothing.
final class DeliveryLog: Sendable {
    private let base: Logger
    private let service: ServiceName
    private let delivery: TransportDelivery
    private let handler: String?
    private let batchSize: Int?
    private let known = Mutex<Logger.Metadata?>(nil)

    /// - Parameter batchSize: how many deliveries there are in the batch that it is handled in, if it is.
    init(
        _ logger: Logger, service: ServiceName, delivery: TransportDelivery, handler: String?, batchSize: Int? = nil
    ) {
        self.base = logger
        self.service = service
        self.delivery = delivery
        self.handler = handler
        self.batchSize = batchSize
    }

    /// What every line says.
    private var metadata: Logger.Metadata {
        known.withLock { known in
            if let known { return known }
            let made = makeMetadata()
            known = made
            return made
        }
    }

    private func makeMetadata() -> Logger.Metadata {
        var metadata = Logger.Metadata(minimumCapacity: 12)
        metadata["service"] = .string(service.rawValue)
        switch delivery.content {
        case .success(let envelope):
            metadata["event_id"] = .string(envelope.id.rawValue)
            metadata["event_type"] = .string(envelope.type.rawValue)
            metadata["correlation_id"] = .string(envelope.correlationID)
            metadata.add(envelope.trace)
        case .failure(let malformed):
            if let id = malformed.id { metadata["event_id"] = .string(id) }
        }
        if let handler { metadata["handler"] = .string(handler) }
        if let batchSize { metadata["batch_size"] = .string(String(batchSize)) }
        return metadata
    }

    /// The logger for one call of the handler; carries the delivery's metadata.
    func logger(attempt: Int) -> Logger {
        var logger = base
        for (key, value) in metadata { logger[metadataKey: key] = value }
        logger[metadataKey: "attempt"] = .string(String(attempt))
        return logger
    }

    /// Whether a line is written about an outcome.
    static func tells(_ outcome: DeliveryOutcome, _ logger: Logger) -> Bool { logger.logLevel <= outcome.logLevel }

    private func isWritten(_ level: Logger.Level) -> Bool { base.logLevel <= level }

    /// - Parameter trace: of the call that led to the outcome; the event's own unless given.
    func settled(
        _ outcome: DeliveryOutcome, attempt: Int, duration: Duration, trace: TraceContext? = nil
    ) {
        guard Self.tells(outcome, base) else { return }
        var metadata = self.metadata(outcome.name, attempt: attempt, duration: duration)
        metadata.add(trace)
        switch outcome {
        case .handled:
            base.info("Handled", metadata: metadata)
        case .retryScheduled(let delay, let record):
            metadata.add(record)
            metadata["retry_after_ms"] = "\(delay.milliseconds)"
            base.warning("Failed, waits for a retry", metadata: metadata)
        case .deadLettered(let reason, let record):
            metadata.add(record)
            metadata["reason"] = "\(reason.rawValue)"
            base.error("Failed, is a dead letter now", metadata: metadata)
        case .released:
            base.info("Handed back", metadata: metadata)
        }
    }

    func retriesAtOnce(
        _ failure: FailureDescription, after delay: Duration, attempt: Int, duration: Duration, trace: TraceContext?
    ) {
        guard isWritten(.notice) else { return }
        var metadata = self.metadata("retry_immediate", attempt: attempt, duration: duration)
        metadata.add(trace)
        metadata["error_type"] = "\(failure.type)"
        metadata["error"] = "\(failure.message)"
        metadata["retry_after_ms"] = "\(delay.milliseconds)"
        base.notice("Failed, retries at once", metadata: metadata)
    }

    func notDurable(_ error: any Error, what: String, again delay: Duration, attempt: Int) {
        let failure = FailureDescription(error, handler: nil, eventType: nil)
        base.error(
            "The outcome cannot be stored; the message stays unacknowledged and nothing new is taken",
            metadata: metadata.merging(
                [
                    "attempt": "\(attempt)", "storing": "\(what)", "error_type": "\(failure.type)",
                    "error": "\(failure.message)", "again_after_ms": "\(delay.milliseconds)",
                ]
            ) { _, own in own })
    }

    func timedOut(attempt: Int, after timeout: Duration) {
        base.warning(
            "The handler ran into its timeout and is asked to end; it keeps its slot until it does",
            metadata: metadata.merging(
                ["attempt": "\(attempt)", "timeout_ms": "\(timeout.milliseconds)"]
            ) { _, own in own })
    }

    func ignoresCancellation(attempt: Int, since duration: Duration) {
        base.warning(
            "The handler ignores its cancellation and still runs; it keeps its slot until it ends",
            metadata: metadata.merging(
                ["attempt": "\(attempt)", "overdue_ms": "\(duration.milliseconds)"]
            ) { _, own in own })
    }

    private func metadata(_ outcome: String, attempt: Int, duration: Duration) -> Logger.Metadata {
        var metadata = self.metadata
        metadata["outcome"] = .string(outcome)
        metadata["attempt"] = .string(String(attempt))
        metadata["duration_ms"] = .string(String(duration.milliseconds))
        return metadata
    }
}

extension DeliveryOutcome {
    fileprivate var logLevel: Logger.Level {
        switch self {
        case .handled, .released: .info
        case .retryScheduled: .warning
        case .deadLettered: .error
        }
    }
}

extension Logger.Metadata {
    fileprivate mutating func add(_ trace: TraceContext?) {
        guard let (traceID, spanID) = trace?.ids else { return }
        self["trace_id"] = .string(traceID)
        self["span_id"] = .string(spanID)
    }

    fileprivate mutating func add(_ record: FailureRecord) {
        self["error_type"] = "\(record.errorType)"
        self["error"] = "\(record.errorMessage)"
        self["error_fingerprint"] = "\(record.fingerprint)"
    }
}

extension Duration {
    /// Whole milliseconds.
    var milliseconds: Int64 { components.seconds * 1_000 + components.attoseconds / 1_000_000_000_000_000 }
}
