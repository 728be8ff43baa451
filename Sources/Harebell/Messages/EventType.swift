/// What happened, by name, like `loan.paid-out`: the CloudEvents type and the name of the event's exchange.
///
/// A valid event type has at least one dot (service names have none, so the two never meet in the broker), no empty
/// part, at most 100 bytes, and consists of `a-z`, `0-9`, `.`, `_` and `-`.
public struct EventType: Hashable, Sendable, CustomStringConvertible, ExpressibleByStringLiteral {
    /// The name itself.
    public let rawValue: String

    /// Checks a name that comes from outside the program.
    public init(validating name: String) throws(NameError) {
        let dot = UInt8(ascii: ".")
        try NameRule.check(
            name, extra: [dot, UInt8(ascii: "_"), UInt8(ascii: "-")], limit: 100, what: "an event type")
        let parts = name.utf8.split(separator: dot, omittingEmptySubsequences: false)
        guard parts.count > 1 else {
            throw NameError(name: name, rule: "an event type has at least one dot, like \"loan.paid-out\"")
        }
        guard !parts.contains(where: \.isEmpty) else {
            throw NameError(name: name, rule: "an event type has no empty part before, between or after its dots")
        }
        self.rawValue = name
    }

    /// Takes a name as it is: for the types of foreign producers, which follow other rules.
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

extension EventType: Codable {
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
