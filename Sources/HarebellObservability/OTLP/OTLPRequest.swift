import Tracing

/// `ExportTraceServiceRequest` of opentelemetry-proto 1.x, as bytes.
///
/// Written by hand: the six messages that traces need are a hundred lines, while generated code would bring the
/// swift-protobuf runtime into every build and every worker.
enum OTLPRequest {
    static func bytes(
        _ spans: [FinishedSpan], resource: [(String, String)], version: String
    ) -> [UInt8] {
        var request = ProtobufWriter()
        request.message(1) { resourceSpans in
            resourceSpans.message(1) { writer in
                for (key, value) in resource { attribute(1, key, .string(value), &writer) }
            }
            resourceSpans.message(2) { scopeSpans in
                scopeSpans.message(1) { scope in
                    scope.text(1, "harebell")
                    scope.text(2, version)
                }
                for span in spans { scopeSpans.message(2) { write(span, &$0) } }
            }
        }
        return request.bytes
    }

    private static func write(_ span: FinishedSpan, _ writer: inout ProtobufWriter) {
        let context = span.context
        writer.id(1, context.traceID.high, context.traceID.low)
        writer.id(2, context.spanID)
        if let state = context.traceState { writer.text(3, state) }
        if let parent = span.parentID { writer.id(4, parent) }
        writer.text(5, span.name)
        writer.number(6, span.kind.number)
        writer.fixed64(7, span.start)
        writer.fixed64(8, span.end)
        writer.number(10, Int64(attributes(9, span.attributes, &writer)))
        for event in span.events {
            writer.message(11) { writer in
                writer.fixed64(1, event.nanosecondsSinceEpoch)
                writer.text(2, event.name)
                writer.number(4, Int64(attributes(3, event.attributes, &writer)))
            }
        }
        writer.number(12, Int64(span.droppedEvents))
        for link in span.links {
            guard let linked = link.context.spanContext else { continue }
            writer.message(13) { writer in
                writer.id(1, linked.traceID.high, linked.traceID.low)
                writer.id(2, linked.spanID)
                if let state = linked.traceState { writer.text(3, state) }
                writer.number(5, Int64(attributes(4, link.attributes, &writer)))
                writer.fixed32(6, linked.isSampled ? 1 : 0)
            }
        }
        writer.number(14, Int64(span.droppedLinks))
        if let status = span.status {
            writer.message(15) { writer in
                if let message = status.message { writer.text(2, message.capped(at: 1_024)) }
                writer.number(3, status.code == .ok ? 1 : 2)
            }
        }
        writer.fixed32(16, 1)
    }

    /// Writes attributes up to the limit, in order of key; returns how many were left out.
    private static func attributes(_ field: Int, _ attributes: SpanAttributes, _ writer: inout ProtobufWriter) -> Int {
        var pairs: [(String, SpanAttribute)] = []
        attributes.forEach { pairs.append(($0, $1)) }
        pairs.sort { $0.0 < $1.0 }
        for (key, value) in pairs.prefix(FinishedSpan.maximumAttributes) { attribute(field, key, value, &writer) }
        return max(0, pairs.count - FinishedSpan.maximumAttributes)
    }

    private static func attribute(
        _ field: Int, _ key: String, _ value: SpanAttribute, _ writer: inout ProtobufWriter
    ) {
        writer.message(field) { pair in
            pair.text(1, key.capped(at: 256))
            pair.message(2) { write(value, &$0) }
        }
    }

    private static func write(_ value: SpanAttribute, _ writer: inout ProtobufWriter) {
        func list<T>(_ values: [T], _ make: (T) -> SpanAttribute) {
            writer.message(5) { array in
                for value in values.prefix(FinishedSpan.maximumAttributes) {
                    array.message(1) { write(make(value), &$0) }
                }
            }
        }
        switch value {
        case .string(let text): writer.text(1, text.capped(at: FinishedSpan.maximumValueLength))
        case .bool(let flag): writer.numberAlways(2, flag ? 1 : 0)
        case .int32(let number): writer.numberAlways(3, Int64(number))
        case .int64(let number): writer.numberAlways(3, number)
        case .double(let number): writer.fixed64(4, number.bitPattern)
        case .stringArray(let values): list(values) { .string($0) }
        case .boolArray(let values): list(values) { .bool($0) }
        case .int32Array(let values): list(values) { .int32($0) }
        case .int64Array(let values): list(values) { .int64($0) }
        case .doubleArray(let values): list(values) { .double($0) }
        case .stringConvertibleArray(let values): list(values) { .string("\($0)") }
        case .stringConvertible(let value): writer.text(1, "\(value)".capped(at: FinishedSpan.maximumValueLength))
        default: writer.text(1, "")
        }
    }
}

extension SpanKind {
    fileprivate var number: Int64 {
        switch self {
        case .internal: 1
        case .server: 2
        case .client: 3
        case .producer: 4
        case .consumer: 5
        }
    }
}
