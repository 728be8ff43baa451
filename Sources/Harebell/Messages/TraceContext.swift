/// The W3C trace headers that travel with an event.
public struct TraceContext: Sendable, Hashable {
    /// Trace id, parent span and flags, as in W3C Trace Context.
    public var traceparent: String?
    /// Vendor-specific trace state.
    public var tracestate: String?
    /// W3C baggage.
    public var baggage: String?

    /// No trace, unless parts are given.
    public init(traceparent: String? = nil, tracestate: String? = nil, baggage: String? = nil) {
        self.traceparent = traceparent
        self.tracestate = tracestate
        self.baggage = baggage
    }

    /// Whether there is nothing to carry on.
    public var isEmpty: Bool { traceparent == nil && tracestate == nil && baggage == nil }

    /// The 32 hexadecimal digits of the trace id, if `traceparent` is well-formed.
    public var traceID: String? { parts.map { String($0[1]) } }

    /// The 16 hexadecimal digits of the span's id, if `traceparent` is well-formed.
    public var spanID: String? { parts.map { String($0[2]) } }

    private var parts: [Substring]? {
        guard let parts = traceparent?.split(separator: "-", omittingEmptySubsequences: false), parts.count >= 4,
            parts[0].count == 2, parts[1].utf8.count == 32, parts[1].allSatisfy(\.isHexDigit),
            parts[2].utf8.count == 16, parts[2].allSatisfy(\.isHexDigit)
        else { return nil }
        return parts
    }
}
