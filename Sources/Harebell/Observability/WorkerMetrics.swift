import Metrics

/// The worker's metrics: few, with bounded labels, made once.
///
/// `messaging.process.duration` (timer, one per call of a handler) and `harebell.deliveries` (counter, one per
/// outcome). Event types that the service does not subscribe to share the label `other`.
struct WorkerMetrics: Sendable {
    private let durations: [EventType: Timer]
    private let outcomes: [String: Counter]
    private static let outcomeNames = ["handled", "retry_immediate", "retry_scheduled", "dead_lettered", "released"]

    init(service: ServiceName, table: SubscriptionTable) {
        var durations: [EventType: Timer] = [:]
        var outcomes: [String: Counter] = [:]
        for type in table.eventTypes {
            durations[type] = Timer(
                label: "messaging.process.duration",
                dimensions: [
                    ("messaging.system", "rabbitmq"), ("messaging.destination.name", service.rawValue),
                    ("harebell.event.type", type.rawValue),
                ])
        }
        for type in table.eventTypes.map(\.rawValue) + [Self.other] {
            for outcome in Self.outcomeNames {
                outcomes[Self.key(type, outcome)] = Counter(
                    label: "harebell.deliveries",
                    dimensions: [
                        ("harebell.service", service.rawValue), ("harebell.event.type", type),
                        ("harebell.outcome", outcome),
                    ])
            }
        }
        self.durations = durations
        self.outcomes = outcomes
    }

    func handlerEnded(_ type: EventType, after duration: Duration) {
        let (seconds, attoseconds) = duration.components
        durations[type]?.recordNanoseconds(seconds * 1_000_000_000 + attoseconds / 1_000_000_000)
    }

    func count(_ outcome: String, type: EventType?) {
        let known = type.flatMap { outcomes[Self.key($0.rawValue, outcome)] }
        (known ?? outcomes[Self.key(Self.other, outcome)])?.increment()
    }

    private static let other = "other"
    private static func key(_ type: String, _ outcome: String) -> String { "\(type) \(outcome)" }
}
