/// A name that breaks the rules of event types or service names.
public struct NameError: Error, Sendable, Hashable, CustomStringConvertible {
    /// The name as it was given.
    public let name: String
    /// The rule it breaks, in words.
    public let rule: String

    /// Which name was refused, and why.
    public var description: String { "\"\(name.prefix(120))\" is not a valid name: \(rule)" }
}

/// The characters that names may consist of: they must read the same in a queue name, a URL and a regular expression.
enum NameRule {
    static func check(_ name: String, extra: [UInt8], limit: Int, what: String) throws(NameError) {
        guard !name.isEmpty else { throw NameError(name: name, rule: "\(what) must not be empty") }
        guard name.utf8.count <= limit else {
            throw NameError(name: name, rule: "\(what) has at most \(limit) bytes, this has \(name.utf8.count)")
        }
        let isAllowed = name.utf8.allSatisfy { byte in
            (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte)
                || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) || extra.contains(byte)
        }
        guard isAllowed else {
            let others = extra.map { "'\(Character(UnicodeScalar($0)))'" }.joined(separator: ", ")
            throw NameError(name: name, rule: "\(what) consists of a-z, 0-9, \(others)")
        }
    }
}
