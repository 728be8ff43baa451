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
    public var traceID: String? { parts.map { String($0.trace) } }

    /// The 16 hexadecimal digits of the span's id, if `traceparent` is well-formed.
    public var spanID: String? { parts.map { String($0.span) } }

    /// The ids of trace and span, if `traceparent` is well-formed.
    var ids: (trace: String, span: String)? { parts.map { (String($0.trace), String($0.span)) } }

    /// The fields have fixed places: `00-` 32 digits `-` 16 digits `-` flags.
    private var parts: (trace: Substring, span: Substring)? {
        guard let traceparent else { return nil }
        let bytes = traceparent.utf8
        guard bytes.count >= 53 else { return nil }
        func place(_ offset: Int) -> String.Index { bytes.index(bytes.startIndex, offsetBy: offset) }
        let (trace, span) = (place(3)..<place(35), place(36)..<place(52))
        let dashes = [2, 35, 52].allSatisfy { bytes[place($0)] == UInt8(ascii: "-") }
        guard dashes, !bytes[..<place(2)].contains(UInt8(ascii: "-")), bytes[trace].allSatisfy(\.isHexDigit),
            bytes[span].allSatisfy(\.isHexDigit)
        else { return nil }
        return (traceparent[trace], traceparent[span])
    }
}

extension UInt8 {
    fileprivate var isHexDigit: Bool {
        switch self {
        case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "a")...UInt8(ascii: "f"),
            UInt8(ascii: "A")...UInt8(ascii: "F"):
            true
        default: false
        }
    }
}
