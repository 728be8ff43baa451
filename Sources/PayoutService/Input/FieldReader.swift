/// Takes a request's fields apart and notes every problem, each with the path of its field.
///
/// What is read is ticked off; whatever is left at the end is a field that does not exist, most likely a misspelt one.
struct FieldReader {
    /// Something that is wrong with a field, for the client.
    struct Problem: Equatable, Sendable, Encodable {
        /// The path of the field, such as `amount.minorUnits`; empty for the body itself.
        let field: String
        let message: String
    }

    private(set) var problems: [Problem] = []
    private var members: [JSONValue.Member]
    private let path: String

    /// Reads an object; anything else is a problem of its own.
    init(_ value: JSONValue, path: String = "") {
        self.path = path
        if case .object(let members) = value {
            self.members = members
        } else {
            self.members = []
            problems.append(Problem(field: path, message: "must be an object, not \(value.kind)"))
        }
    }

    /// A text that a check accepts; the check answers with a complaint or nil.
    mutating func string(_ name: String, check: (String) -> String?) -> String? {
        guard let value = take(name) else {
            note(name, "is missing")
            return nil
        }
        return text(name, value, check: check)
    }

    /// A text that may be missing.
    mutating func optionalString(_ name: String, check: (String) -> String?) -> String? {
        guard let value = take(name) else { return nil }
        return text(name, value, check: check)
    }

    /// A whole number, written as one.
    mutating func integer(_ name: String, in range: ClosedRange<Int64>) -> Int64? {
        guard let value = take(name) else {
            note(name, "is missing")
            return nil
        }
        guard case .number(let digits) = value else {
            note(name, "must be a whole number, not \(value.kind)")
            return nil
        }
        guard
            digits.utf8.allSatisfy({ $0 == UInt8(ascii: "-") || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) })
        else {
            note(name, "must be a whole number of minor units, without a fraction or an exponent")
            return nil
        }
        guard let number = Int64(digits), range.contains(number) else {
            note(name, "must be from \(range.lowerBound) to \(range.upperBound)")
            return nil
        }
        return number
    }

    /// An object inside.
    mutating func object<Value>(_ name: String, _ read: (inout FieldReader) -> Value?) -> Value? {
        guard let value = take(name) else {
            note(name, "is missing")
            return nil
        }
        var reader = FieldReader(value, path: path(of: name))
        let result = read(&reader)
        problems.append(contentsOf: reader.finished())
        return result
    }

    /// Every problem, unknown fields included.
    func finished() -> [Problem] {
        problems
            + members.map {
                Problem(field: path(of: String($0.name.prefix(60))), message: "is not a field of this request")
            }
    }

    private mutating func text(_ name: String, _ value: JSONValue, check: (String) -> String?) -> String? {
        guard case .string(let text) = value else {
            note(name, "must be a string, not \(value.kind)")
            return nil
        }
        if let complaint = check(text) {
            note(name, complaint)
            return nil
        }
        return text
    }

    private mutating func take(_ name: String) -> JSONValue? {
        guard let index = members.firstIndex(where: { $0.name == name }) else { return nil }
        return members.remove(at: index).value
    }

    private mutating func note(_ name: String, _ message: String) {
        problems.append(Problem(field: path(of: name), message: message))
    }

    private func path(of name: String) -> String {
        path.isEmpty ? name : "\(path).\(name)"
    }
}
