import CRabbitMQ

#if canImport(Darwin)
    import Darwin
#elseif canImport(Musl)
    import Musl
#else
    import Glibc
#endif

/// Reads properties where they arrived: for one task that reads many messages, and of each only a part.
///
/// What is not asked for is not copied, and the memory that librabbitmq decodes into serves again for the next message.
package final class PropertiesReader {
    /// What is larger is not read in place, or this would keep the memory for it.
    package static let largest = 4096

    private let pool = DecodingPool()

    package init() {}

    /// Shows the properties of a delivery; nothing of them may be kept.
    /// - Returns: whether they were shown: they are well-formed, and not larger than ``largest``.
    package func read(_ delivery: Delivery, _ body: (borrowing BorrowedProperties) -> Void) -> Bool {
        delivery.withEncodedProperties { read($0, body) }
    }

    func read(_ encoded: UnsafeRawBufferPointer, _ body: (borrowing BorrowedProperties) -> Void) -> Bool {
        guard encoded.count <= Self.largest else { return false }
        defer { pool.recycle() }
        guard let decoded = try? amqp_basic_properties_t(encoded: encoded, pool) else { return false }
        body(BorrowedProperties(decoded))
        return true
    }
}

/// The properties of a message while they are shown: see ``PropertiesReader``.
package struct BorrowedProperties: ~Copyable {
    private let decoded: amqp_basic_properties_t

    fileprivate init(_ decoded: amqp_basic_properties_t) {
        self.decoded = decoded
    }

    private func text(_ bit: Int, _ bytes: amqp_bytes_t) -> BorrowedText? {
        decoded.has(bit) ? BorrowedText(bytes: bytes.buffer) : nil
    }

    package var contentType: BorrowedText? { text(15, decoded.content_type) }
    package var correlationID: BorrowedText? { text(10, decoded.correlation_id) }
    package var appID: BorrowedText? { text(3, decoded.app_id) }

    /// Calls `body` with each header in its order, until that returns `false`; whether it never did.
    package func allHeaders(_ body: (BorrowedText, BorrowedValue) -> Bool) -> Bool {
        guard decoded.has(13) else { return true }
        let count = Int(decoded.headers.num_entries)
        for entry in UnsafeBufferPointer(start: decoded.headers.entries, count: count) {
            guard body(BorrowedText(bytes: entry.key.buffer), BorrowedValue(decoded: entry.value)) else { return false }
        }
        return true
    }
}

/// A header's value while it is shown.
package struct BorrowedValue {
    fileprivate let decoded: amqp_field_value_t

    /// A copy of it.
    package var value: FieldValue { FieldValue(decoded: decoded) }

    /// The text, if it is one of ASCII characters only.
    package var asciiText: BorrowedText? {
        guard decoded.kind == UInt8(ascii: "S") else { return nil }
        let bytes = decoded.value.bytes.buffer
        return bytes.isASCII ? BorrowedText(bytes: bytes) : nil
    }
}

/// A text while it is shown: valid UTF-8.
package struct BorrowedText {
    let bytes: UnsafeRawBufferPointer

    package var count: Int { bytes.count }
    /// A copy of it.
    package var string: String { String(decoding: bytes, as: UTF8.self) }

    /// Its bytes.
    package func withBytes<Result>(_ body: (Span<UInt8>) -> Result) -> Result {
        bytes.withMemoryRebound(to: UInt8.self) { body($0.span) }
    }

    package static func == (text: BorrowedText, other: StaticString) -> Bool {
        text.bytes.count == other.utf8CodeUnitCount && text.hasPrefix(other)
    }

    package static func == (text: BorrowedText, other: BorrowedText) -> Bool {
        guard text.bytes.count == other.bytes.count else { return false }
        guard let mine = text.bytes.baseAddress, let its = other.bytes.baseAddress else { return true }
        return memcmp(mine, its, text.bytes.count) == 0
    }

    package func hasPrefix(_ prefix: StaticString) -> Bool {
        guard bytes.count >= prefix.utf8CodeUnitCount else { return false }
        guard let mine = bytes.baseAddress else { return true }
        return memcmp(mine, prefix.utf8Start, prefix.utf8CodeUnitCount) == 0
    }
}
