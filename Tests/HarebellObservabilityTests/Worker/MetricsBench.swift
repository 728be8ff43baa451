import Harebell
import HarebellObservability
import HarebellTesting
import Logging

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

struct Ping: Event {
    static let eventType: EventType = "test.ping"
    var number: Int
}

struct Pong: Event {
    static let eventType: EventType = "test.pong"
    var number: Int
}

/// A worker on a broker in memory, whose metrics are read as Prometheus would.
struct MetricsBench: Sendable {
    let clock = ManualClock(skipsSleeps: true)
    let metrics = PrometheusMetrics(descriptions: MetricName.descriptions)
    let transport: InMemoryTransport
    let service: ServiceName = "subject"

    init() { transport = InMemoryTransport(clock: clock) }

    func worker(
        breaker: BreakerPolicy? = nil, @SubscriptionBuilder _ subscriptions: () -> [Subscription]
    ) -> Worker<InMemoryTransport> {
        Worker(
            service: service, transport: transport,
            configuration: WorkerConfiguration(
                retry: RetryPolicy(delayed: [.seconds(1)]), breaker: breaker, metrics: metrics,
                clock: clock.workerClock,
                randomness: .constant(0.5)),
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }, subscriptions)
    }

    func send(_ event: some Event, age: Duration = .zero) throws {
        let seconds = age / .seconds(1)
        let envelope = try Envelope(
            event, producer: "producer", time: clock.now.addingTimeInterval(-seconds))
        transport.deliver(.success(envelope), to: service)
    }

    /// The sum of the samples whose labels include these; nil if there is none.
    func sample(_ name: String, _ labels: [String: String] = [:]) -> Double? {
        var sum: Double?
        for line in metrics.text().split(separator: "\n") where line.hasPrefix(name + "{") || line.hasPrefix(name + " ")
        {
            guard labels.allSatisfy({ line.contains("\($0.key)=\"\($0.value)\"") }) else { continue }
            sum = (sum ?? 0) + (line.split(separator: " ").last.flatMap { Double($0) } ?? .nan)
        }
        return sum
    }
}
