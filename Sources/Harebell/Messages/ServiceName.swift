/// The name of a service, `email`: also the name of its work queue and of its private exchange.
///
/// A valid service name has no dot (event types have one), at most 60 bytes, and consists of `a-z`, `0-9`, `_` and
/// `-`. `unrouted` is taken: it keeps the events that nobody subscribes to.
public struct ServiceName: Hashable, Sendable, CustomStringConvertible, ExpressibleByStringLiteral {
    /// The name itself.
    public let rawValue: String

    /// Checks a name that comes from outside the program.
    public init(validating name: String) throws(NameError) {
        try NameRule.check(name, extra: [UInt8(ascii: "_"), UInt8(ascii: "-")], limit: 60, what: "a service name")
        guard name != "unrouted" else {
            throw NameError(name: name, rule: "\"unrouted\" is reserved for events without a subscriber")
        }
        self.rawValue = name
    }

    /// Takes a name as it is: for the producers of foreign messages, which follow other rules.
    public init(unchecked name: String) {
        self.rawValue = name
    }

    /// A name written in source code; an invalid one is a programming error and stops the process.
    public init(stringLiteral name: String) {
        do {
            try self.init(validating: name)
        } catch {
            preconditionFailure(error.description)
        }
    }

    /// The name itself.
    public var description: String { rawValue }
}

extension ServiceName: Codable {
    /// Takes the name as it is: what is stored may come from a foreign producer.
    public init(from decoder: any Decoder) throws {
        self.init(unchecked: try decoder.singleValueContainer().decode(String.self))
    }

    /// Writes the bare name.
    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(rawValue)
    }
}
