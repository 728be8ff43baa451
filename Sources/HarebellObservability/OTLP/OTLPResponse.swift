/// `ExportTraceServiceResponse`, of which one number matters.
enum OTLPResponse {
    /// How many spans the collector did not take, from `partial_success.rejected_spans`; 0 for what cannot be read.
    static func rejectedSpans(_ bytes: [UInt8]) -> Int {
        guard case .bytes(let partial)? = field(1, in: bytes[...]), case .number(let count)? = field(1, in: partial)
        else { return 0 }
        return Int(clamping: Int64(bitPattern: count))
    }

    private enum Value {
        case number(UInt64)
        case bytes(ArraySlice<UInt8>)
    }

    private static func field(_ wanted: UInt64, in bytes: ArraySlice<UInt8>) -> Value? {
        var rest = bytes
        var found: Value?
        while !rest.isEmpty {
            guard let tag = varint(&rest) else { return nil }
            let value: Value
            switch tag & 7 {
            case 0:
                guard let number = varint(&rest) else { return nil }
                value = .number(number)
            case 2:
                guard let length = varint(&rest), length <= UInt64(rest.count) else { return nil }
                value = .bytes(rest.prefix(Int(length)))
                rest = rest.dropFirst(Int(length))
            default: return nil
            }
            if tag >> 3 == wanted { found = value }
        }
        return found
    }

    private static func varint(_ bytes: inout ArraySlice<UInt8>) -> UInt64? {
        var number: UInt64 = 0
        for shift in stride(from: 0, to: 64, by: 7) {
            guard let byte = bytes.popFirst() else { return nil }
            number |= UInt64(byte & 0x7F) << UInt64(shift)
            if byte < 0x80 { return number }
        }
        return nil
    }
}
