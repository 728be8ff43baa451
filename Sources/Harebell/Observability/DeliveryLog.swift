import Logging

/// The log lines about one delivery: one per outcome, with who and what, never with a body.
struct DeliveryLog: Sendable {
    /// Carries the delivery's metadata; also what handlers get.
    let logger: Logger

    init(_ logger: Logger, service: ServiceName, delivery: TransportDelivery, handler: String?) {
        var logger = logger
        logger[metadataKey: "service"] = "\(service)"
        switch delivery.content {
        case .success(let envelope):
            logger[metadataKey: "event_id"] = "\(envelope.id)"
            logger[metadataKey: "event_type"] = "\(envelope.type)"
            logger[metadataKey: "correlation_id"] = "\(envelope.correlationID)"
            if let trace = envelope.trace.traceID { logger[metadataKey: "trace_id"] = "\(trace)" }
            if let span = envelope.trace.spanID { logger[metadataKey: "span_id"] = "\(span)" }
        case .failure(let malformed):
            if let id = malformed.id { logger[metadataKey: "event_id"] = "\(id)" }
        }
        if let handler { logger[metadataKey: "handler"] = "\(handler)" }
        self.logger = logger
    }

    /// The logger for one call of the handler.
    func attempt(_ attempt: Int) -> Logger {
        var logger = logger
        logger[metadataKey: "attempt"] = "\(attempt)"
        return logger
    }

    /// - Parameter trace: of the call that led to the outcome; the event's own unless given.
    func settled(
        _ outcome: DeliveryOutcome, attempt: Int, duration: Duration, trace: TraceContext? = nil
    ) {
        var metadata = self.metadata(outcome.name, attempt: attempt, duration: duration)
        metadata.add(trace)
        switch outcome {
        case .handled:
            logger.info("Handled", metadata: metadata)
        case .retryScheduled(let delay, let record):
            metadata.add(record)
            metadata["retry_after_ms"] = "\(delay.milliseconds)"
            logger.warning("Failed, waits for a retry", metadata: metadata)
        case .deadLettered(let reason, let record):
            metadata.add(record)
            metadata["reason"] = "\(reason.rawValue)"
            logger.error("Failed, is a dead letter now", metadata: metadata)
        case .released:
            logger.info("Handed back", metadata: metadata)
        }
    }

    func retriesAtOnce(
        _ failure: FailureDescription, after delay: Duration, attempt: Int, duration: Duration, trace: TraceContext?
    ) {
        var metadata = self.metadata("retry_immediate", attempt: attempt, duration: duration)
        metadata.add(trace)
        metadata["error_type"] = "\(failure.type)"
        metadata["error"] = "\(failure.message)"
        metadata["retry_after_ms"] = "\(delay.milliseconds)"
        logger.notice("Failed, retries at once", metadata: metadata)
    }

    func notDurable(_ error: any Error, what: String, again delay: Duration, attempt: Int) {
        let failure = FailureDescription(error, handler: nil, eventType: nil)
        logger.error(
            "The outcome cannot be stored; the message stays unacknowledged and nothing new is taken",
            metadata: [
                "attempt": "\(attempt)", "storing": "\(what)", "error_type": "\(failure.type)",
                "error": "\(failure.message)", "again_after_ms": "\(delay.milliseconds)",
            ])
    }

    func timedOut(attempt: Int, after timeout: Duration) {
        logger.warning(
            "The handler ran into its timeout and is asked to end; it keeps its slot until it does",
            metadata: ["attempt": "\(attempt)", "timeout_ms": "\(timeout.milliseconds)"])
    }

    func ignoresCancellation(attempt: Int, since duration: Duration) {
        logger.warning(
            "The handler ignores its cancellation and still runs; it keeps its slot until it ends",
            metadata: ["attempt": "\(attempt)", "overdue_ms": "\(duration.milliseconds)"])
    }

    private func metadata(_ outcome: String, attempt: Int, duration: Duration) -> Logger.Metadata {
        ["outcome": "\(outcome)", "attempt": "\(attempt)", "duration_ms": "\(duration.milliseconds)"]
    }
}

extension Logger.Metadata {
    fileprivate mutating func add(_ trace: TraceContext?) {
        if let traceID = trace?.traceID { self["trace_id"] = "\(traceID)" }
        if let spanID = trace?.spanID { self["span_id"] = "\(spanID)" }
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
