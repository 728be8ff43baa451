/// Checks encoded tables and properties before librabbitmq sees them.
///
/// The library's decoder recurses without a limit before 0.14 and takes keys as they come, so nesting, counts, lengths
/// and keys are proved here; this walk allocates nothing and its recursion ends at ``CodecLimits/depth``.
struct WireScanner {
    private let bytes: UnsafeRawBufferPointer
    private(set) var offset = 0
    private var fieldsLeft = CodecLimits.fields

    init(_ bytes: UnsafeRawBufferPointer) {
        self.bytes = bytes
    }

    var isAtEnd: Bool { offset == bytes.count }

    private static func malformed(_ what: String) -> AMQPError {
        AMQPError(.malformed, what)
    }

    // Inlined: a message's properties are some forty pieces, and each is proved to be there.
    @inline(__always)
    private mutating func take(_ count: Int, _ what: String) throws(AMQPError) -> UnsafeRawBufferPointer {
        guard count <= bytes.count - offset else { throw Self.malformed("\(what) is cut off") }
        defer { offset += count }
        return UnsafeRawBufferPointer(rebasing: bytes[offset..<offset + count])
    }

    @inline(__always)
    private mutating func integer<I: FixedWidthInteger>(_: I.Type, _ what: String) throws(AMQPError) -> I {
        I(bigEndian: try take(MemoryLayout<I>.size, what).loadUnaligned(as: I.self))
    }

    @inline(__always)
    mutating func skip(_ count: Int, _ what: String) throws(AMQPError) {
        _ = try take(count, what)
    }

    /// A property flag word; a second word is refused because no class defines one.
    mutating func flags() throws(AMQPError) -> UInt16 {
        let flags = try integer(UInt16.self, "the property list")
        guard flags & 1 == 0 else { throw Self.malformed("the property flags continue in a second word") }
        guard flags & 2 == 0 else { throw Self.malformed("an unknown property is set") }
        return flags
    }

    mutating func shortString(_ what: String) throws(AMQPError) {
        let length = try integer(UInt8.self, what)
        guard Self.isUTF8(try take(Int(length), what)) else { throw Self.malformed("\(what) is not UTF-8") }
    }

    mutating func table(_ what: String, depth: Int = 1) throws(AMQPError) {
        guard depth <= CodecLimits.depth else {
            throw Self.malformed("\(what) nests deeper than \(CodecLimits.depth)")
        }
        let end = try nested(what)
        while offset < end {
            let length = try integer(UInt8.self, what)
            guard length > 0 else { throw Self.malformed("\(what) has an empty key") }
            guard Self.isUTF8(try take(Int(length), what)) else {
                throw Self.malformed("a key of \(what) is not UTF-8")
            }
            try value(what, depth: depth)
        }
        guard offset == end else { throw Self.malformed("a value of \(what) is longer than its table") }
    }

    private mutating func nested(_ what: String) throws(AMQPError) -> Int {
        let length = Int(try integer(UInt32.self, what))
        guard length <= bytes.count - offset else { throw Self.malformed("\(what) is cut off") }
        return offset + length
    }

    private mutating func value(_ what: String, depth: Int) throws(AMQPError) {
        fieldsLeft -= 1
        guard fieldsLeft >= 0 else { throw Self.malformed("\(what) has more than \(CodecLimits.fields) fields") }
        let kind = try integer(UInt8.self, what)
        switch UnicodeScalar(kind) {
        case "V": break
        case "t", "b", "B": try skip(1, what)
        case "s", "u": try skip(2, what)
        case "I", "i", "f": try skip(4, what)
        case "D": try skip(5, what)
        case "l", "L", "d", "T": try skip(8, what)
        case "S", "x": try skip(Int(try integer(UInt32.self, what)), what)
        case "F": try table(what, depth: depth + 1)
        case "A":
            guard depth < CodecLimits.depth else {
                throw Self.malformed("\(what) nests deeper than \(CodecLimits.depth)")
            }
            let end = try nested(what)
            while offset < end { try value(what, depth: depth + 1) }
            guard offset == end else { throw Self.malformed("a value of \(what) is longer than its array") }
        default: throw Self.malformed("\(what) has a value of unknown kind \(kind)")
        }
    }

    private static func isUTF8(_ bytes: UnsafeRawBufferPointer) -> Bool {
        // The common case, plain ASCII, without building a string.
        if bytes.isASCII { return true }
        return String(validating: bytes, as: UTF8.self) != nil
    }
}

extension WireScanner {
    /// Proves that `bytes` is one well-formed property list of class basic and nothing else.
    static func checkProperties(_ bytes: UnsafeRawBufferPointer) throws(AMQPError) {
        var scanner = WireScanner(bytes)
        let flags = try scanner.flags()
        func has(_ bit: Int) -> Bool { flags & (1 << bit) != 0 }
        if has(15) { try scanner.shortString("content-type") }
        if has(14) { try scanner.shortString("content-encoding") }
        if has(13) { try scanner.table("the header table") }
        if has(12) { try scanner.skip(1, "delivery-mode") }
        if has(11) { try scanner.skip(1, "priority") }
        if has(10) { try scanner.shortString("correlation-id") }
        if has(9) { try scanner.shortString("reply-to") }
        if has(8) { try scanner.shortString("expiration") }
        if has(7) { try scanner.shortString("message-id") }
        if has(6) { try scanner.skip(8, "timestamp") }
        if has(5) { try scanner.shortString("type") }
        if has(4) { try scanner.shortString("user-id") }
        if has(3) { try scanner.shortString("app-id") }
        if has(2) { try scanner.shortString("cluster-id") }
        guard scanner.isAtEnd else { throw malformed("bytes follow the properties") }
    }

    /// Proves that `bytes` is one well-formed table and nothing else.
    static func checkTable(_ bytes: UnsafeRawBufferPointer) throws(AMQPError) {
        var scanner = WireScanner(bytes)
        try scanner.table("the table")
        guard scanner.isAtEnd else { throw malformed("bytes follow the table") }
    }
}

extension UnsafeRawBufferPointer {
    /// Whether every byte is a character of ASCII: looks at all of them, many at a time.
    var isASCII: Bool {
        var bits: UInt8 = 0
        for byte in self { bits |= byte }
        return bits < 0x80
    }
}
