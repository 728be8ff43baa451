import Metrics

/// The metrics of one service and one event type, made once and then only counted: recording builds no text and looks
/// nothing up.
final class EventMetrics: Sendable {
    /// How a call of a handler ended.
    enum CallResult: Int, CaseIterable {
        case returned, transient, permanent, timeout, dependencyDown

        var name: String { self == .dependencyDown ? "dependency_down" : "\(self)" }

        /// A failure that came in time.
        init(_ classification: FailureClassification) {
            self =
                switch classification {
                case .transient: .transient
                case .dependencyDown: .dependencyDown
                case .permanent: .permanent
                }
        }
    }

    private let consumed: Counter
    private let calls: [Counter]
    private let durations: [Timer]
    private let handled: Counter
    private let retryScheduled: Counter
    private let deadLettered: Counter
    private let released: Counter
    private let immediateRetries: Counter
    private let delayedRetries: Counter
    private let deadLetters: [DeadLetterReason: Counter]
    private let criticalTime: Timer
    private let processingTime: Timer
    private let skewed: Counter

    init(service: ServiceName, eventType: String, factory: any MetricsFactory) {
        let own = [("service", service.rawValue), ("event_type", eventType)]
        let messaging = [
            ("messaging.system", "rabbitmq"), ("messaging.operation.name", "process"),
            ("messaging.destination.name", "\(eventType):\(service.rawValue)"),
        ]
        func counter(_ label: String, _ dimensions: [(String, String)] = []) -> Counter {
            Counter(label: label, dimensions: own + dimensions, factory: factory)
        }
        func timer(_ label: String, _ dimensions: [(String, String)] = []) -> Timer {
            Timer(label: label, dimensions: own + dimensions, factory: factory)
        }
        consumed = counter(MetricName.consumed, messaging)
        calls = CallResult.allCases.map { counter(MetricName.attempts, [("result", $0.name)]) }
        durations = CallResult.allCases.map { result in
            timer(MetricName.processDuration, messaging + (result == .returned ? [] : [("error.type", result.name)]))
        }
        handled = counter(MetricName.deliveries, [("outcome", "handled")])
        retryScheduled = counter(MetricName.deliveries, [("outcome", "retry_scheduled")])
        deadLettered = counter(MetricName.deliveries, [("outcome", "dead_lettered")])
        released = counter(MetricName.deliveries, [("outcome", "released")])
        immediateRetries = counter(MetricName.retries, [("kind", "immediate")])
        delayedRetries = counter(MetricName.retries, [("kind", "delayed")])
        deadLetters = Dictionary(
            uniqueKeysWithValues: DeadLetterReason.allCases.map { reason in
                (reason, counter(MetricName.deadLetters, [("reason", reason.rawValue)]))
            })
        criticalTime = timer(MetricName.criticalTime)
        processingTime = timer(MetricName.processingTime)
        skewed = counter(MetricName.clockSkew)
    }

    func received() { consumed.increment() }

    func called(_ result: CallResult, duration: Duration) {
        attempted(result)
        processed(result, duration: duration)
    }

    /// What has come of a call for one message of a batch.
    func attempted(_ result: CallResult) { calls[result.rawValue].increment() }

    /// How long a call took, for however many messages.
    func processed(_ result: CallResult, duration: Duration) {
        durations[result.rawValue].recordNanoseconds(duration.nanoseconds)
    }

    func retriesAtOnce() { immediateRetries.increment() }

    /// - Parameters:
    ///   - processing: from the beginning of the work to the outcome.
    ///   - critical: from the event's time to the outcome, in seconds; below zero where clocks differ.
    func settled(_ outcome: DeliveryOutcome, processing: Duration, critical: Double?) {
        switch outcome {
        case .handled:
            handled.increment()
            processingTime.recordNanoseconds(processing.nanoseconds)
            guard let critical else { return }
            if critical < 0 { skewed.increment() }
            criticalTime.recordNanoseconds(Int64(min(max(0, critical), 1e9) * 1e9))
        case .retryScheduled:
            retryScheduled.increment()
            delayedRetries.increment()
        case .deadLettered(let reason, _):
            deadLettered.increment()
            deadLetters[reason]?.increment()
        case .released:
            released.increment()
        }
    }
}

extension Duration {
    /// Whole nanoseconds; what is longer than 292 years is as long as that.
    var nanoseconds: Int64 {
        let (seconds, attoseconds) = components
        let (product, overflow) = seconds.multipliedReportingOverflow(by: 1_000_000_000)
        return overflow ? .max : product + attoseconds / 1_000_000_000
    }
}
