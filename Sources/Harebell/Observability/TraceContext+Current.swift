import Tracing

extension TraceContext {
    /// The trace of the running task, as headers; `fallback` when no instrument is bootstrapped or nothing is traced.
    public static func current(orElse fallback: TraceContext = TraceContext()) -> TraceContext {
        guard let context = ServiceContext.current else { return fallback }
        var trace = TraceContext(context)
        guard !trace.isEmpty else { return fallback }
        trace.baggage = trace.baggage ?? fallback.baggage
        return trace
    }

    /// The trace of a context, as headers.
    init(_ context: ServiceContext) {
        self.init()
        InstrumentationSystem.instrument.inject(context, into: &self, using: HeaderInjector())
    }

    /// Whether anybody traces at all.
    static var isInstrumented: Bool { !(InstrumentationSystem.instrument is NoOpInstrument) }

    /// The incoming headers as a context to start a span from.
    func serviceContext() -> ServiceContext {
        var context = ServiceContext.current ?? .topLevel
        InstrumentationSystem.instrument.extract(self, into: &context, using: HeaderExtractor())
        return context
    }
}

private struct HeaderInjector: Injector {
    func inject(_ value: String, forKey key: String, into carrier: inout TraceContext) {
        switch key.lowercased() {
        case "traceparent": carrier.traceparent = value
        case "tracestate": carrier.tracestate = value
        case "baggage": carrier.baggage = value
        default: break  // Only W3C headers travel.
        }
    }
}

private struct HeaderExtractor: Extractor {
    func extract(key: String, from carrier: TraceContext) -> String? {
        switch key.lowercased() {
        case "traceparent": carrier.traceparent
        case "tracestate": carrier.tracestate
        case "baggage": carrier.baggage
        default: nil
        }
    }
}
