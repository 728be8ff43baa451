import Harebell
import HarebellTesting
import Testing
import Tracing

@testable import HarebellObservability

/// What is seen of batches: each event counts, and one span is linked to all of them.
@Suite(.timeLimit(.minutes(1))) struct `A worker's batches` {
    private struct Boom: Error {}

    @Test func `each event of a batch is counted, and the call is timed once`() async throws {
        let bench = MetricsBench()
        for number in 0..<4 { try bench.send(Ping(number: number), age: .seconds(2)) }
        try await bench.worker {
            Subscription(toBatchesOf: Ping.self, upTo: 4, within: .seconds(1), retry: RetryPolicy.none) { batch in
                batch[1].fail(PermanentError("no"))
            }
        }.running { try await bench.transport.waitUntilSettled(bench.service) }
        let labels = ["service": "subject", "event_type": "test.ping"]
        #expect(bench.sample("harebell_deliveries_total", labels.with("outcome", "handled")) == 3)
        #expect(bench.sample("harebell_dead_letters_total", labels.with("reason", "permanent")) == 1)
        #expect(bench.sample("harebell_attempts_total", labels.with("result", "returned")) == 3)
        #expect(bench.sample("harebell_attempts_total", labels.with("result", "permanent")) == 1)
        #expect(bench.sample("harebell_critical_time_seconds_count", labels) == 3)
        #expect(bench.sample("messaging_client_consumed_messages_total", ["event_type": "test.ping"]) == 4)
        #expect(bench.sample("messaging_process_duration_seconds_count", ["event_type": "test.ping"]) == 1)
    }

    @Test func `a batch is one span, linked to the span that published each event`() async throws {
        // In a process of its own, for a tracer is for the whole process.
        await #expect(processExitsWith: .success) {
            let queue = SpanQueue()
            InstrumentationSystem.bootstrap(HarebellTracer(queue: queue))
            let bench = MetricsBench()
            for number in 0..<3 {
                let envelope = try Envelope(Ping(number: number), producer: "producer", time: bench.clock.now)
                try await bench.transport.publishInSpan(envelope)
                bench.transport.deliver(
                    .success(try #require(bench.transport.published.last)), to: bench.service)
            }
            let inside = Observed<TraceContext?>(nil)
            try await bench.worker {
                Subscription(toBatchesOf: Ping.self, upTo: 3, within: .seconds(1), name: "count") { batch in
                    inside.update { $0 = TraceContext.current() }
                }
            }.running { try await bench.transport.waitUntilSettled(bench.service) }
            let spans = queue.take()
            let published = spans.filter { $0.name == "publish test.ping" }
            let process = try #require(spans.first { $0.name == "process test.ping:subject" })
            #expect(published.count == 3)
            #expect(spans.count == 4)
            #expect(
                process.links.compactMap { $0.context.spanContext?.traceIDText } == published.map(\.context.traceIDText)
            )
            #expect(process.attributes.get("messaging.batch.message_count") == .int64(3))
            #expect(process.attributes.get("messaging.message.id") == nil)
            #expect(inside.value?.traceID == process.context.traceIDText)
        }
    }
}
