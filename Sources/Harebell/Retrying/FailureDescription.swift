/// What headers and logs say about an error: its type, its words, and a fingerprint to group it by.
struct FailureDescription: Sendable, Hashable {
    let type: String
    let message: String
    let fingerprint: String

    /// Headers share one frame, so an error's words have a budget.
    static let messageLimit = 1_024
    static let typeLimit = 200

    init(_ error: any Error, handler: String?, eventType: EventType?) {
        self.init(
            type: Self.typeName(error), message: String(describing: error), handler: handler, eventType: eventType)
    }

    init(type: String, message: String, handler: String?, eventType: EventType?) {
        self.type = type.cut(toBytes: Self.typeLimit)
        self.message = message.cut(toBytes: Self.messageLimit)
        let parts = [self.type, handler ?? "", eventType?.rawValue ?? "", Self.withoutNumbers(self.message)]
        self.fingerprint = SHA256.hash(Array(parts.joined(separator: "\n").utf8)).prefix(8)
            .map { String($0 >> 4, radix: 16) + String($0 & 0x0F, radix: 16) }.joined()
    }

    /// The most telling type: of the error that a wrapper carries, and with the code where there is one.
    private static func typeName(_ error: any Error) -> String {
        switch error {
        case let error as PermanentError: error.underlying.map(typeName) ?? "PermanentError"
        case let error as DependencyDownError: error.underlying.map(typeName) ?? "DependencyDownError"
        case let error as TransientError: error.underlying.map(typeName) ?? "TransientError"
        case let error as HarebellError: "HarebellError.\(error.code)"
        default: String(describing: Swift.type(of: error))
        }
    }

    /// The message with every word that has a digit replaced, so that ids, ports and times do not split a group.
    private static func withoutNumbers(_ message: String) -> String {
        message.split(omittingEmptySubsequences: false) { !($0.isLetter || $0.isNumber || $0 == "-") }
            .map { $0.contains(where: \.isNumber) ? "#" : $0 }.joined(separator: " ")
    }
}

extension String {
    /// The longest prefix of whole characters with at most `limit` bytes.
    func cut(toBytes limit: Int) -> String {
        guard utf8.count > limit else { return self }
        var kept = ""
        var bytes = 0
        for character in self {
            bytes += character.utf8.count
            if bytes > limit { break }
            kept.append(character)
        }
        return kept
    }
}
