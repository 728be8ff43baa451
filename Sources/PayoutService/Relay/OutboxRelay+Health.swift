import Harebell
import Metrics

extension OutboxRelay: ObservableService {
    /// Ready while loans can be written; stuck when it has not come round for too long.
    ///
    /// Events that wait for the broker are
    /// shown, not held against it.
    func health() async -> ServiceHealth {
        let backlog = try? await store.backlog()
        return ServiceHealth(
            name: Self.name, state: backlog.map { "\($0.count) unpublished" } ?? "the database does not answer",
            isStarted: backlog != nil, isReady: backlog != nil,
            stuck: stuck)
    }

    /// The store is not asked: that it is slow ends no process.
    func liveness() -> ServiceHealth {
        ServiceHealth(name: Self.name, state: "", isStarted: true, isReady: true, stuck: stuck)
    }

    private static var name: String { "outbox" }
    private var stuck: String? { health.isStuck ? "the relay makes no progress" : nil }

    /// Shows how many events wait for the broker, and for how long the oldest has.
    func updateGauges() async {
        guard let backlog = try? await store.backlog() else { return }
        let dimensions = [("service", PayoutService.service.rawValue)]
        Gauge(label: MetricName.outboxPending, dimensions: dimensions).record(backlog.count)
        Gauge(label: MetricName.outboxOldest, dimensions: dimensions).record(backlog.oldestSeconds ?? 0)
    }
}
