import Metrics
import Synchronization

/// The metrics of one worker: few, with bounded labels, made once.
///
/// Event types that the service does not subscribe to share the label `other`.
final class WorkerMetrics: Sendable {
    private let events: [EventType: EventMetrics]
    /// In the order of the service's subscriptions.
    private let subscribed: [EventMetrics]
    private let other: EventMetrics
    private let running = Atomic<Int>(0)
    private let pausing = Atomic<Int>(0)
    private let inFlight: Gauge
    private let inHand: Gauge
    private let oldestAge: Gauge
    private let retriesWaiting: Gauge
    private let states: [(WorkerState, Gauge)]
    /// Empty without a breaker.
    private let breakerStates: [(BreakerState, Gauge)]

    init(service: ServiceName, eventTypes: [EventType], hasBreaker: Bool, factory: (any MetricsFactory)?) {
        let factory = factory ?? MetricsSystem.factory
        func metrics(_ type: String) -> EventMetrics {
            EventMetrics(service: service, eventType: type, factory: factory)
        }
        func gauge(_ label: String, _ dimensions: [(String, String)] = []) -> Gauge {
            Gauge(label: label, dimensions: [("service", service.rawValue)] + dimensions, factory: factory)
        }
        subscribed = eventTypes.map { metrics($0.rawValue) }
        events = Dictionary(zip(eventTypes, subscribed)) { first, _ in first }
        other = metrics("other")
        inFlight = gauge(MetricName.inFlight)
        inHand = gauge(MetricName.inHand)
        oldestAge = gauge(MetricName.oldestAge)
        retriesWaiting = gauge(MetricName.retriesWaiting)
        breakerStates =
            hasBreaker
            ? BreakerState.allCases.map { ($0, gauge(MetricName.breakerState, [("state", $0.rawValue)])) } : []
        states = WorkerState.allCases.map { ($0, gauge(MetricName.workerState, [("state", $0.rawValue)])) }
    }

    /// Those of a subscription, or of all that the service does not subscribe to; not looked for by name.
    func of(_ route: SubscriptionTable.Route?) -> EventMetrics { route.map { subscribed[$0.place] } ?? other }

    subscript(_ type: EventType?) -> EventMetrics { type.flatMap { events[$0] } ?? other }

    func callBegan() { running.wrappingAdd(1, ordering: .relaxed) }
    func callEnded() { running.wrappingSubtract(1, ordering: .relaxed) }
    func pauseBegan() { pausing.wrappingAdd(1, ordering: .relaxed) }
    func pauseEnded() { pausing.wrappingSubtract(1, ordering: .relaxed) }

    /// Shows how things are now; what only counts needs no showing.
    func show(
        _ state: WorkerState, breaker: BreakerState?, inHand: Int = 0, oldestAge: Duration = .zero
    ) {
        inFlight.record(running.load(ordering: .relaxed))
        retriesWaiting.record(pausing.load(ordering: .relaxed))
        self.inHand.record(inHand)
        self.oldestAge.record(Double(oldestAge.nanoseconds) / 1e9)
        for (known, gauge) in breakerStates { gauge.record(known == breaker ? 1 : 0) }
        for (known, gauge) in states { gauge.record(known == state ? 1 : 0) }
    }
}
