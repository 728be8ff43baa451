public import Tracing

/// A tracer for swift-distributed-tracing: W3C headers, sampling, and spans that go to an ``OTLPExporter``.
///
/// ```swift
/// let exporter = OTLPExporter(settings: settings, logger: logger)
/// InstrumentationSystem.bootstrap(HarebellTracer(sampler: settings.sampler, queue: exporter.queue))
/// ```
public struct HarebellTracer: Tracer {
    private let sampler: Sampler
    private let queue: SpanQueue

    /// A tracer whose ended spans wait in `queue` for their export.
    public init(sampler: Sampler = .standard, queue: SpanQueue) {
        self.sampler = sampler
        self.queue = queue
    }

    /// Begins a span: a child of the context's span, or a trace of its own.
    public func startSpan<Instant: TracerInstant>(
        _ operationName: String, context: @autoclosure () -> ServiceContext, ofKind kind: SpanKind,
        at instant: @autoclosure () -> Instant, function: String, file fileID: String, line: UInt
    ) -> RecordedSpan {
        var context = context()
        let parent = context.spanContext
        let traceID = parent?.traceID ?? (.random(in: 0 ... .max), .random(in: 1 ... .max))
        let isSampled = sampler.samples(traceID: traceID, parent: parent)
        let own = SpanContext(
            traceID: traceID, spanID: .random(in: 1 ... .max), isSampled: isSampled, traceState: parent?.traceState)
        context.spanContext = own
        guard isSampled, let own else { return RecordedSpan(context: context, record: nil) { _ in } }
        let record = FinishedSpan(
            context: own, parentID: parent?.spanID, name: operationName, kind: kind,
            start: instant().nanosecondsSinceEpoch)
        return RecordedSpan(context: context, record: record) { [queue] in queue.add($0) }
    }

    /// Begins a span.
    public func startAnySpan<Instant: TracerInstant>(
        _ operationName: String, context: @autoclosure () -> ServiceContext, ofKind kind: SpanKind,
        at instant: @autoclosure () -> Instant, function: String, file fileID: String, line: UInt
    ) -> any Span {
        startSpan(
            operationName, context: context(), ofKind: kind, at: instant(), function: function, file: fileID, line: line
        )
    }

    /// Wakes the exporter; it does not wait for it.
    public func forceFlush() { queue.wake() }

    /// Reads `traceparent`, `tracestate` and `baggage`.
    public func extract<Carrier, Extract: Extractor>(
        _ carrier: Carrier, into context: inout ServiceContext, using extractor: Extract
    ) where Extract.Carrier == Carrier {
        if let parent = extractor.extract(key: "traceparent", from: carrier) {
            let state = extractor.extract(key: "tracestate", from: carrier)
            if let span = SpanContext(traceparent: parent, tracestate: state) { context.spanContext = span }
        }
        if let baggage = extractor.extract(key: "baggage", from: carrier), Self.isSound(baggage) {
            context.baggage = baggage
        }
    }

    /// Writes `traceparent`, `tracestate` and `baggage`.
    public func inject<Carrier, Inject: Injector>(
        _ context: ServiceContext, into carrier: inout Carrier, using injector: Inject
    ) where Inject.Carrier == Carrier {
        if let span = context.spanContext {
            injector.inject(span.traceparent, forKey: "traceparent", into: &carrier)
            if let state = span.traceState { injector.inject(state, forKey: "tracestate", into: &carrier) }
        }
        if let baggage = context.baggage { injector.inject(baggage, forKey: "baggage", into: &carrier) }
    }

    /// Printable ASCII of at most 8 KiB, as W3C Baggage limits it: nothing that could end a header.
    private static func isSound(_ baggage: String) -> Bool {
        baggage.utf8.count <= 8_192 && baggage.utf8.allSatisfy { (0x20..<0x7F).contains($0) }
    }
}
