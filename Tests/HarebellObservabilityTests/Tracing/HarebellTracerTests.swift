import Testing
import Tracing

@testable import HarebellObservability

@Suite struct `The tracer` {
    private struct Boom: Error {}
    private struct Headers: Injector, Extractor {
        func inject(_ value: String, forKey key: String, into carrier: inout [String: String]) { carrier[key] = value }
        func extract(key: String, from carrier: [String: String]) -> String? { carrier[key] }
    }

    private let sampled = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
    private let unsampled = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00"

    @Test func `a span is a child of the headers it came with, and its headers say so`() {
        let queue = SpanQueue()
        let tracer = HarebellTracer(queue: queue)
        var context = ServiceContext.topLevel
        tracer.extract(
            ["traceparent": sampled, "tracestate": "v=1", "baggage": "tenant=7"], into: &context, using: Headers())
        var out: [String: String] = [:]
        tracer.withSpan("work", context: context, ofKind: .consumer) { span in
            span.attributes["n"] = 7
            tracer.inject(span.context, into: &out, using: Headers())
            #expect(SpanContext.current == span.context.spanContext)
        }
        let spans = queue.take()
        #expect(spans.count == 1)
        #expect(spans.first?.context.traceIDText == "4bf92f3577b34da6a3ce929d0e0e4736")
        #expect(spans.first?.parentID == 0x00f0_67aa_0ba9_02b7)
        #expect(spans.first?.attributes.get("n") == .int64(7))
        #expect(out["traceparent"] == spans.first?.context.traceparent)
        #expect(out["tracestate"] == "v=1")
        #expect(out["baggage"] == "tenant=7")
        #expect((spans.first?.end ?? 0) >= (spans.first?.start ?? 1))
    }

    @Test func `an error is recorded with its type, and the status says so`() {
        let queue = SpanQueue()
        let tracer = HarebellTracer(queue: queue)
        #expect(throws: Boom.self) {
            try tracer.withSpan("work", context: .topLevel) { _ in throw Boom() }
        }
        let span = queue.take().first
        #expect(span?.status?.code == .error)
        #expect(span?.events.map(\.name) == ["exception"])
        guard case .string(let type)? = span?.attributes.get("error.type") else { return #expect(Bool(false)) }
        #expect(type.contains("Boom"))
    }

    @Test func `what others do not record is not recorded here, and goes on unrecorded`() {
        let queue = SpanQueue()
        let tracer = HarebellTracer(sampler: .standard, queue: queue)
        var context = ServiceContext.topLevel
        tracer.extract(["traceparent": unsampled], into: &context, using: Headers())
        var out: [String: String] = [:]
        tracer.withSpan("work", context: context) { span in
            #expect(!span.isRecording)
            tracer.inject(span.context, into: &out, using: Headers())
        }
        #expect(queue.take().isEmpty)
        #expect(out["traceparent"]?.hasPrefix("00-4bf92f3577b34da6a3ce929d0e0e4736-") == true)
        #expect(out["traceparent"]?.hasSuffix("-00") == true)
    }

    @Test func `a ratio records about its share, and everybody alike`() throws {
        let sampler = try #require(Sampler(name: "traceidratio", argument: "0.25"))
        let ids = (0..<10_000).map { _ in (high: UInt64(1), low: UInt64.random(in: 0 ... .max)) }
        let share = ids.count { sampler.samples(traceID: $0, parent: nil) }
        #expect((2_200...2_800).contains(share))
        #expect(Sampler(name: "always_off", argument: nil)?.samples(traceID: ids[0], parent: nil) == false)
        #expect(Sampler(name: "always_on", argument: nil)?.samples(traceID: ids[0], parent: nil) == true)
        #expect(Sampler(name: "parentbased_traceidratio", argument: "2") == nil)
        #expect(Sampler(name: "jaeger_remote", argument: nil) == nil)
    }

    @Test func `a queue that is full drops, and keeps what it has`() {
        let queue = SpanQueue(limit: 10, batch: 4)
        let tracer = HarebellTracer(queue: queue)
        for number in 0..<25 { tracer.withSpan("\(number)", context: .topLevel) { _ in } }
        #expect(queue.count == 10)
        #expect(queue.take().map(\.name) == ["0", "1", "2", "3"])
    }

    @Test func `a span that has ended cannot be changed, and ends once`() {
        let queue = SpanQueue()
        let span = HarebellTracer(queue: queue).startSpan("a", context: .topLevel)
        for _ in 0..<200 { span.addEvent("event") }
        span.end()
        span.operationName = "b"
        span.end()
        let spans = queue.take()
        #expect(spans.map(\.name) == ["a"])
        #expect(spans.first?.events.count == 128)
        #expect(spans.first?.droppedEvents == 72)
    }
}
