public import Logging

extension Logger.MetadataProvider {
    /// The trace and the span that the logging task is in, as `trace_id` and `span_id`.
    public static let currentSpan = Logger.MetadataProvider {
        guard let span = SpanContext.current else { return [:] }
        return ["trace_id": "\(span.traceIDText)", "span_id": "\(span.spanIDText)"]
    }
}
