/// JSON as it was written: numbers keep their digits, names keep their order.
///
/// A decoder that turns numbers into values takes `1.0`, `1e2` and the nearest double of a long number for an integer,
/// and silently drops one of two equal names. For an amount of money each of these is a wrong payout, so requests are
/// read by ``JSONValue/init(parsing:)``, which accepts RFC 8259 and refuses what is ambiguous.
enum JSONValue: Equatable, Sendable {
    case null
    case bool(Bool)
    /// The digits as they were written.
    case number(String)
    case string(String)
    case array([JSONValue])
    case object([Member])

    /// A name and its value.
    struct Member: Equatable, Sendable {
        let name: String
        let value: JSONValue
    }

    /// What the value is called in an explanation.
    var kind: String {
        switch self {
        case .null: "null"
        case .bool: "a boolean"
        case .number: "a number"
        case .string: "a string"
        case .array: "an array"
        case .object: "an object"
        }
    }

    /// Reads a whole document of at most eight levels.
    init(parsing bytes: [UInt8]) throws(JSONSyntaxError) {
        guard String(validating: bytes, as: UTF8.self) != nil else {
            throw JSONSyntaxError(message: "is not UTF-8", offset: nil)
        }
        var parser = JSONParser(bytes: bytes)
        self = try parser.document()
    }
}

/// Why a body is no JSON, and where.
struct JSONSyntaxError: Error, Equatable {
    let message: String
    /// The byte that could not be read, counted from 0.
    let offset: Int?
}
