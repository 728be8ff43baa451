import AMQP

/// The properties of a message that is published again: for a retry, a dead letter or a replay.
///
/// The body's bytes are never touched. What the broker wrote, and what could route, expire or impersonate, is left
/// behind; foreign headers are kept within a budget far below `frame_max`, and what is left out is named.
enum RepublishedCopy {
    /// All foreign headers together, in bytes.
    static let maximumHeaderBytes = 64 * 1024
    /// One foreign header, in bytes.
    static let maximumHeaderValueBytes = 8 * 1024
    /// Tables within tables.
    static let maximumDepth = 8
    /// The name list in `harebell-headers-dropped`, in bytes.
    static let maximumDroppedNamesBytes = 1024

    /// The original's properties without what must not be copied, with `changes` applied to the headers.
    ///
    /// - Parameters:
    ///   - original: The properties as received, or nil when they could not be decoded.
    ///   - changes: Headers to set, or to remove where the value is nil.
    static func properties(of original: BasicProperties?, changes: [(String, FieldValue?)]) -> BasicProperties {
        var copy = BasicProperties()
        copy.deliveryMode = 2
        var dropped: [String] = []
        if let original {
            copy.contentType = original.contentType
            copy.contentEncoding = original.contentEncoding
            copy.correlationID = original.correlationID
            copy.messageID = original.messageID
            copy.timestamp = original.timestamp
            copy.type = original.type
            copy.appID = original.appID
            var budget = maximumHeaderBytes
            for (name, value) in original.headers where !Header.isNeverCopied(name) {
                let size = name.utf8.count + value.encodedSize
                // Our own are few and small, and without them the message would lose its attempts and its delay.
                let isOurs = name.hasPrefix(Header.prefix)
                if size > maximumHeaderValueBytes || (!isOurs && size > budget) || value.depth > maximumDepth {
                    dropped.append(name)
                } else {
                    if !isOurs { budget -= size }
                    copy.headers[name] = value
                }
            }
        } else {
            dropped = ["*"]
        }
        for (name, value) in changes { copy.headers[name] = value }
        if !dropped.isEmpty {
            copy.headers[Header.headersDropped] = .string(
                dropped.joined(separator: ",").prefix(utf8Bytes: maximumDroppedNamesBytes))
        }
        return copy
    }
}

extension FieldValue {
    /// The bytes of the value on the wire, about.
    var encodedSize: Int {
        switch self {
        case .string(let value): 5 + value.utf8.count
        case .bytes(let value): 5 + value.count
        case .array(let values): values.reduce(5) { $0 + $1.encodedSize }
        case .table(let table): table.reduce(5) { $0 + 1 + $1.0.utf8.count + $1.1.encodedSize }
        default: 9
        }
    }

    /// How deep arrays and tables are nested: 0 for a scalar.
    var depth: Int {
        switch self {
        case .array(let values): 1 + (values.map(\.depth).max() ?? 0)
        case .table(let table): 1 + (table.map { $0.1.depth }.max() ?? 0)
        default: 0
        }
    }
}

extension String {
    /// The longest prefix of whole characters within `limit` bytes of UTF-8.
    func prefix(utf8Bytes limit: Int) -> String {
        guard utf8.count > limit else { return self }
        var used = 0
        var end = startIndex
        while end < endIndex {
            let next = index(after: end)
            let size = self[end..<next].utf8.count
            if used + size > limit { break }
            used += size
            end = next
        }
        return String(self[..<end])
    }
}
