import AMQP
import Harebell
import Metrics
import Synchronization

/// The metrics of a transport: what it publishes, and how its connections are.
final class TransportMetrics: Sendable {
    /// What one event type's publishes are counted by.
    private struct Published: Sendable {
        let sent: Counter
        let failed: Counter
        let duration: Timer
        let failedDuration: Timer
        let unroutable: Counter
        let nacked: Counter

        init(_ type: String) {
            let own = [("event_type", type)]
            let messaging =
                own + [
                    ("messaging.system", "rabbitmq"), ("messaging.operation.name", "publish"),
                    ("messaging.destination.name", type),
                ]
            let failure = messaging + [("error.type", "publish")]
            sent = Counter(label: MetricName.sent, dimensions: messaging)
            failed = Counter(label: MetricName.sent, dimensions: failure)
            duration = Timer(label: MetricName.operationDuration, dimensions: messaging)
            failedDuration = Timer(label: MetricName.operationDuration, dimensions: failure)
            unroutable = Counter(label: MetricName.unroutable, dimensions: own)
            nacked = Counter(label: MetricName.nacked, dimensions: own)
        }
    }

    /// One connection's gauges.
    private struct Connection: Sendable {
        let open: Gauge
        let blocked: Gauge
        let opened: Counter
        let blockedTime: FloatingPointCounter
        var shown = ConnectionHistory(connects: 0, blockedTime: .zero)

        init(_ role: String) {
            let dimensions = [("connection", role)]
            open = Gauge(label: MetricName.connectionOpen, dimensions: dimensions)
            blocked = Gauge(label: MetricName.connectionBlocked, dimensions: dimensions)
            opened = Counter(label: MetricName.connectionsOpened, dimensions: dimensions)
            blockedTime = FloatingPointCounter(label: MetricName.connectionBlockedTime, dimensions: dimensions)
        }

        mutating func show(_ client: AMQPClient) {
            let state = client.state
            let history = client.history
            open.record(state.isConnected ? 1 : 0)
            blocked.record(state.isBlocked ? 1 : 0)
            opened.increment(by: history.connects - shown.connects)
            blockedTime.increment(by: max(0, (history.blockedTime - shown.blockedTime) / .seconds(1)))
            shown = history
        }
    }

    /// Types come from code, but nobody promises how many: what is above shares the label `other`.
    private static let maximumTypes = 100
    private let published = Mutex<[String: Published]>([:])
    private let connections = Mutex<[String: Connection]>([:])

    enum Outcome { case confirmed, failed, unroutable }

    func published(_ type: EventType, _ outcome: Outcome, after duration: Duration) {
        let metrics = metrics(of: type)
        let nanoseconds = Int64(max(0, duration / .nanoseconds(1)))
        guard case .confirmed = outcome else {
            metrics.failed.increment()
            metrics.failedDuration.recordNanoseconds(nanoseconds)
            if case .unroutable = outcome { metrics.unroutable.increment() }
            return
        }
        metrics.sent.increment()
        metrics.duration.recordNanoseconds(nanoseconds)
    }

    func nacked(_ type: EventType) { metrics(of: type).nacked.increment() }

    func show(_ clients: [(role: String, client: AMQPClient)]) {
        connections.withLock { connections in
            for (role, client) in clients {
                connections[role, default: Connection(role)].show(client)
            }
        }
    }

    private func metrics(of type: EventType) -> Published {
        published.withLock { published in
            if let known = published[type.rawValue] { return known }
            let name = published.count < Self.maximumTypes ? type.rawValue : "other"
            if let known = published[name] { return known }
            let made = Published(name)
            published[name] = made
            return made
        }
    }
}

extension ConnectionState {
    fileprivate var isBlocked: Bool { if case .blocked = self { true } else { false } }
}
