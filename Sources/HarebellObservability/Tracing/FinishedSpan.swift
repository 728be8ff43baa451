import Tracing

/// A span that has ended, as it is exported.
struct FinishedSpan: Sendable {
    /// What OpenTelemetry's limits are by default.
    static let maximumAttributes = 128
    static let maximumEvents = 128
    static let maximumLinks = 128
    /// A value that is longer is cut: what comes from a stranger must not fill our memory.
    static let maximumValueLength = 4_096

    var context: SpanContext
    var parentID: UInt64?
    var name: String
    var kind: SpanKind
    var start: UInt64
    var end: UInt64 = 0
    var attributes = SpanAttributes()
    var events: [SpanEvent] = []
    var droppedEvents = 0
    var links: [SpanLink] = []
    var droppedLinks = 0
    var status: SpanStatus?
}
