import Harebell
import HarebellObservability
import HarebellTesting
import Testing

@Suite(.timeLimit(.minutes(1))) struct `A worker's metrics` {
    private struct Boom: Error {}

    @Test func `handled events are counted with their critical and processing time`() async throws {
        let bench = MetricsBench()
        for number in 0..<3 { try bench.send(Ping(number: number), age: .seconds(2)) }
        try await bench.worker { Subscription(to: Ping.self) { _, _ in } }
            .running { try await bench.transport.waitUntilSettled(bench.service) }
        let labels = ["service": "subject", "event_type": "test.ping"]
        #expect(bench.sample("harebell_deliveries_total", labels.with("outcome", "handled")) == 3)
        #expect(bench.sample("harebell_attempts_total", labels.with("result", "returned")) == 3)
        #expect(bench.sample("harebell_critical_time_seconds_count", labels) == 3)
        #expect(bench.sample("harebell_critical_time_seconds_sum", labels) == 6)
        #expect(bench.sample("harebell_processing_time_seconds_count", labels) == 3)
        let messaging = [
            "messaging_system": "rabbitmq", "messaging_operation_name": "process",
            "messaging_destination_name": "test.ping:subject",
        ]
        #expect(bench.sample("messaging_process_duration_seconds_count", messaging) == 3)
        #expect(bench.sample("messaging_client_consumed_messages_total", messaging) == 3)
        #expect(bench.sample("harebell_clock_skew_total", labels) == 0)
    }

    @Test func `attempts, both kinds of retries and the dead letter of an event that fails for good are counted`()
        async throws
    {
        let bench = MetricsBench()
        try bench.send(Ping(number: 1))
        try await bench.worker { Subscription(to: Ping.self) { _, _ in throw Boom() } }
            .running { try await bench.transport.drain(bench.service) }
        let labels = ["service": "subject", "event_type": "test.ping"]
        #expect(bench.sample("harebell_attempts_total", labels.with("result", "transient")) == 5)
        #expect(bench.sample("harebell_retries_total", labels.with("kind", "immediate")) == 3)
        #expect(bench.sample("harebell_retries_total", labels.with("kind", "delayed")) == 1)
        #expect(bench.sample("harebell_dead_letters_total", labels.with("reason", "exhausted")) == 1)
        #expect(bench.sample("harebell_deliveries_total", labels.with("outcome", "dead_lettered")) == 1)
        #expect(bench.sample("harebell_deliveries_total", labels.with("outcome", "handled")) == 0)
        #expect(bench.sample("messaging_process_duration_seconds_count", ["error_type": "transient"]) == 5)
        #expect(bench.sample("harebell_critical_time_seconds_count", labels) == 0)
    }

    @Test func `permanent failures have a reason of their own`() async throws {
        let bench = MetricsBench()
        try bench.send(Ping(number: 1))
        try await bench.worker { Subscription(to: Ping.self) { _, _ in throw PermanentError("no") } }
            .running { try await bench.transport.drain(bench.service) }
        #expect(bench.sample("harebell_attempts_total", ["result": "permanent"]) == 1)
        #expect(bench.sample("harebell_dead_letters_total", ["reason": "permanent"]) == 1)
    }

    @Test func `types that nobody subscribed to share one label, however many there are`() async throws {
        let bench = MetricsBench()
        let worker = bench.worker { Subscription(to: Ping.self) { _, _ in } }
        for number in 0..<50 {
            var envelope = try Envelope(Pong(number: number), producer: "producer", time: bench.clock.now)
            envelope.type = EventType(unchecked: "foreign.type-\(number)")
            bench.transport.deliver(.success(envelope), to: bench.service)
        }
        bench.transport.deliver(.failure(MalformedMessage(message: "nonsense")), to: bench.service)
        try await worker.running { try await bench.transport.waitUntilSettled(bench.service) }
        let other = ["event_type": "other"]
        #expect(bench.sample("harebell_retries_total", other.with("kind", "delayed")) == 50)
        #expect(bench.sample("harebell_dead_letters_total", other.with("reason", "poison")) == 1)
        #expect(bench.sample("messaging_client_consumed_messages_total", other) == 51)
        #expect(!bench.metrics.text().contains("foreign"))
    }

    @Test func `an event from the future counts as clock skew and takes no time`() async throws {
        let bench = MetricsBench()
        try bench.send(Ping(number: 1), age: .seconds(-30))
        try await bench.worker { Subscription(to: Ping.self) { _, _ in } }
            .running { try await bench.transport.waitUntilSettled(bench.service) }
        #expect(bench.sample("harebell_clock_skew_total", ["event_type": "test.ping"]) == 1)
        #expect(bench.sample("harebell_critical_time_seconds_sum", ["event_type": "test.ping"]) == 0)
    }

    @Test func `gauges show what is in hand, how old it is, and what the worker is doing`() async throws {
        let bench = MetricsBench()
        let isRunning = Observed(false)
        let mayEnd = Observed(false)
        try bench.send(Ping(number: 1))
        let worker = bench.worker {
            Subscription(to: Ping.self) { _, _ in
                isRunning.update { $0 = true }
                try await mayEnd.wait { $0 }
            }
        }
        try await worker.running {
            try await isRunning.wait { $0 }
            bench.clock.advance(by: .seconds(7))
            worker.updateGauges()
            #expect(bench.sample("harebell_messages_in_hand", ["service": "subject"]) == 1)
            #expect(bench.sample("harebell_handlers_in_flight", ["service": "subject"]) == 1)
            #expect(bench.sample("harebell_messages_oldest_age_seconds", ["service": "subject"]) == 7)
            #expect(bench.sample("harebell_worker_state", ["state": "running"]) == 1)
            #expect(bench.sample("harebell_worker_state", ["state": "stopped"]) == 0)
            mayEnd.update { $0 = true }
            try await bench.transport.waitUntilSettled(bench.service)
            worker.updateGauges()
            #expect(bench.sample("harebell_messages_in_hand", ["service": "subject"]) == 0)
            #expect(bench.sample("harebell_messages_oldest_age_seconds", ["service": "subject"]) == 0)
        }
        worker.updateGauges()
        #expect(bench.sample("harebell_worker_state", ["state": "stopped"]) == 1)
        #expect(bench.sample("harebell_handlers_in_flight", ["service": "subject"]) == 0)
    }

    @Test func `an outage shows in the state of the breaker and of the worker, and without a breaker there is none`()
        async throws
    {
        let bench = MetricsBench()
        try bench.send(Ping(number: 1))
        let worker = bench.worker(breaker: BreakerPolicy("bank", consecutiveFailures: 1)) {
            Subscription(to: Ping.self) { _, _ in throw DependencyDownError("the bank does not answer") }
        }
        try await worker.running {
            try await bench.transport.waitUntilSettled(bench.service)
            worker.updateGauges()
            #expect(bench.sample("harebell_breaker_state", ["service": "subject", "state": "closed"]) == 0)
            #expect(bench.sample("harebell_worker_state", ["service": "subject", "state": "broken"]) == 1)
            #expect(bench.sample("harebell_attempts_total", ["result": "dependency_down"]) ?? 0 >= 1)
            let health = worker.health()
            #expect(!health.isReady && health.stuck == nil && health.isStarted)
        }
        let without = MetricsBench()
        try await without.worker { Subscription(to: Ping.self) { _, _ in } }.running {}
        #expect(!without.metrics.text().contains("harebell_breaker_state"))
    }

    @Test func `every metric that a worker shows is described`() async throws {
        let bench = MetricsBench()
        try await bench.worker { Subscription(to: Ping.self) { _, _ in } }.running {}
        let lines = bench.metrics.text().split(separator: "\n")
        let names = lines.filter { $0.hasPrefix("# TYPE ") }.map { $0.split(separator: " ")[2] }
        let described = lines.filter { $0.hasPrefix("# HELP ") }.map { $0.split(separator: " ")[2] }
        #expect(Set(names).subtracting(described) == ["harebell_metrics_dropped_series_total"])
    }
}

extension [String: String] {
    func with(_ key: String, _ value: String) -> [String: String] {
        merging([key: value]) { _, new in new }
    }
}
