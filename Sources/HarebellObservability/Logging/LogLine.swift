public import Logging

#if canImport(FoundationEssentials)
    public import FoundationEssentials
#else
    public import Foundation
#endif

/// One log statement as data: what the formats turn into text.
///
/// What is logged may come from a stranger (a header, a name, an error text), so a line is bounded in every direction:
/// the length of a field, their number, and the depth of nested metadata.
public struct LogLine: Sendable, Hashable {
    /// One key and its text.
    public struct Field: Sendable, Hashable {
        /// The key, with the keys of the dictionaries around it before it: `address.city.name`.
        public let key: String
        /// The text.
        public let value: String

        /// Creates a field.
        public init(key: String, value: String) {
            self.key = key
            self.value = value
        }
    }

    /// The most bytes of UTF-8 that one field (or the message) keeps.
    public static let maximumFieldLength = 2_048
    /// The most bytes of UTF-8 that a key keeps.
    public static let maximumKeyLength = 256
    /// The most fields a line keeps; a field `fields_dropped` says how many more there were.
    public static let maximumFieldCount = 64
    static let maximumDepth = 8

    /// When it was logged.
    public let time: Date
    /// How bad it is.
    public let level: Logger.Level
    /// The logger's label.
    public let logger: String
    /// What happened.
    public let message: String
    /// The metadata, flattened and in order of key.
    public let fields: [Field]

    /// Creates a line, flattening and bounding the metadata.
    public init(
        time: Date, level: Logger.Level, logger: String, message: String, metadata: Logger.Metadata = [:],
        error: (any Error)? = nil
    ) {
        self.time = time
        self.level = level
        self.logger = logger.capped(at: Self.maximumKeyLength)
        self.message = message.capped(at: Self.maximumFieldLength)
        var flattened = Flattening()
        if let error {
            flattened.add(key: "error_type", value: String(reflecting: type(of: error)))
            flattened.add(key: "error", value: String(describing: error))
        }
        flattened.add(metadata, prefix: "", depth: 0)
        self.fields = flattened.result
    }
}

/// Collects fields under unique keys up to the limits.
private struct Flattening {
    private var fields: [LogLine.Field] = []
    private static let taken = ["time", "level", "logger", "message"]
    private var dropped = 0

    var result: [LogLine.Field] {
        guard dropped > 0 else { return fields }
        return fields + [LogLine.Field(key: "fields_dropped", value: String(dropped))]
    }

    mutating func add(_ metadata: Logger.Metadata, prefix: String, depth: Int) {
        for (key, value) in metadata.sorted(by: { $0.key < $1.key }) {
            add(value, key: prefix.isEmpty ? key : "\(prefix).\(key)", depth: depth)
        }
    }

    private mutating func add(_ value: Logger.MetadataValue, key: String, depth: Int) {
        // Without room left nothing is rendered any more: a huge structure must not cost more than it may print.
        guard fields.count < LogLine.maximumFieldCount else {
            dropped += 1
            return
        }
        switch value {
        case .string(let text): add(key: key, value: text)
        case .stringConvertible(let convertible): add(key: key, value: convertible.description)
        case .dictionary(let nested) where depth < LogLine.maximumDepth: add(nested, prefix: key, depth: depth + 1)
        case .array(let elements) where depth < LogLine.maximumDepth:
            for (index, element) in elements.enumerated() {
                add(element, key: "\(key).\(index)", depth: depth + 1)
            }
        case .dictionary, .array: add(key: key, value: "(nested too deeply)")
        }
    }

    mutating func add(key: String, value: String) {
        var unique = key.capped(at: LogLine.maximumKeyLength)
        var number = 2
        // Few keys: comparing them all costs less than hashing one.
        while Self.taken.contains(unique) || fields.contains(where: { $0.key == unique }) {
            unique = "\(key.capped(at: LogLine.maximumKeyLength))#\(number)"
            number += 1
        }
        fields.append(LogLine.Field(key: unique, value: value.capped(at: LogLine.maximumFieldLength)))
    }
}

extension String {
    /// The text, cut on a character boundary to at most so many bytes of UTF-8; what is missing is said.
    func capped(at limit: Int) -> String {
        guard utf8.count > limit else { return self }
        var end = utf8.index(startIndex, offsetBy: limit)
        // Back to the start of a character: at most a few bytes, however long one grapheme cluster may be,
        // because it is the scalar that must stay whole.
        while end > startIndex, end.samePosition(in: unicodeScalars) == nil {
            end = utf8.index(before: end)
        }
        return "\(self[..<end])… (\(utf8.count - utf8.distance(from: startIndex, to: end)) bytes more)"
    }
}
