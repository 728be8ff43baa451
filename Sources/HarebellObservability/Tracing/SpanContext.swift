import Tracing

/// Which span of which trace, as W3C Trace Context writes it.
public struct SpanContext: Sendable, Hashable {
    /// The first and the second half of the trace's 16 bytes.
    let traceID: (high: UInt64, low: UInt64)
    let spanID: UInt64
    /// Whether somebody records this trace.
    let isSampled: Bool
    /// What other vendors carry along, as it came.
    var traceState: String?

    /// A context from its parts; nil where an id is zero, which means "none".
    init?(traceID: (high: UInt64, low: UInt64), spanID: UInt64, isSampled: Bool, traceState: String? = nil) {
        guard traceID.high != 0 || traceID.low != 0, spanID != 0 else { return nil }
        self.traceID = traceID
        self.spanID = spanID
        self.isSampled = isSampled
        self.traceState = traceState
    }

    /// The header's value, if it has the form that W3C Trace Context gives it: what has not is as if it were not there.
    ///
    /// A later version than ours may have more behind our fields.
    public init?(traceparent: String, tracestate: String? = nil) {
        let bytes = Array(traceparent.utf8.prefix(512))
        let dash = UInt8(ascii: "-")
        guard bytes.count >= 55, bytes[2] == dash, bytes[35] == dash, bytes[52] == dash,
            let version = Self.hexadecimal(bytes[0..<2]), version != 0xFF,
            version == 0 ? bytes.count == 55 : bytes.count == 55 || bytes[55] == dash,
            let high = Self.hexadecimal(bytes[3..<19]), let low = Self.hexadecimal(bytes[19..<35]),
            let span = Self.hexadecimal(bytes[36..<52]), let flags = Self.hexadecimal(bytes[53..<55])
        else { return nil }
        let state = tracestate.flatMap {
            $0.utf8.count <= 512 && $0.utf8.allSatisfy { $0 >= 0x20 && $0 < 0x7F } ? $0 : nil
        }
        self.init(traceID: (high, low), spanID: span, isSampled: flags & 1 == 1, traceState: state)
    }

    /// The header's value.
    public var traceparent: String { "00-\(traceIDText)-\(spanIDText)-\(isSampled ? "01" : "00")" }

    /// The trace's id as 32 hexadecimal digits.
    public var traceIDText: String { Self.text(traceID.high) + Self.text(traceID.low) }

    /// The span's id as 16 hexadecimal digits.
    public var spanIDText: String { Self.text(spanID) }

    /// The span that the running task is in.
    public static var current: SpanContext? { ServiceContext.current?.spanContext }

    /// Whether both are the same span of the same trace.
    public static func == (left: SpanContext, right: SpanContext) -> Bool {
        left.traceID == right.traceID && left.spanID == right.spanID && left.isSampled == right.isSampled
            && left.traceState == right.traceState
    }

    /// Hashes the ids.
    public func hash(into hasher: inout Hasher) {
        hasher.combine(traceID.low)
        hasher.combine(spanID)
    }

    private static func text(_ number: UInt64) -> String {
        let digits = String(number, radix: 16)
        return String(repeating: "0", count: 16 - digits.count) + digits
    }

    /// Lower case only, as the specification demands.
    private static func hexadecimal(_ digits: ArraySlice<UInt8>) -> UInt64? {
        var number: UInt64 = 0
        for digit in digits {
            switch digit {
            case UInt8(ascii: "0")...UInt8(ascii: "9"): number = number << 4 | UInt64(digit - UInt8(ascii: "0"))
            case UInt8(ascii: "a")...UInt8(ascii: "f"): number = number << 4 | UInt64(digit - UInt8(ascii: "a") + 10)
            default: return nil
            }
        }
        return number
    }
}

private enum SpanContextKey: ServiceContextKey {
    typealias Value = SpanContext
}

private enum BaggageKey: ServiceContextKey {
    typealias Value = String
    static var nameOverride: String? { "baggage" }
}

extension ServiceContext {
    var spanContext: SpanContext? {
        get { self[SpanContextKey.self] }
        set { self[SpanContextKey.self] = newValue }
    }

    /// The W3C baggage header, carried on as it came.
    var baggage: String? {
        get { self[BaggageKey.self] }
        set { self[BaggageKey.self] = newValue }
    }
}
