import AMQP

/// The broker has something else than what a service needs, or refuses to let it be declared.
public struct TopologyError: Error, Sendable, CustomStringConvertible {
    /// What was being declared.
    public enum Subject: Sendable, Hashable, CustomStringConvertible {
        /// An exchange.
        case exchange(String)
        /// A queue.
        case queue(String)
        /// A binding.
        case binding(Topology.Binding)

        /// The subject in words.
        public var description: String {
            switch self {
            case .exchange(let name): "exchange '\(name)'"
            case .queue(let name): "queue '\(name)'"
            case .binding(let binding):
                "binding of queue '\(binding.queue)' to exchange '\(binding.exchange)'"
                    + (binding.routingKey.isEmpty ? "" : " with key '\(binding.routingKey)'")
            }
        }
    }

    /// One declared field that the broker has otherwise.
    public struct Mismatch: Sendable, Hashable {
        /// The argument or property, in the broker's words: `x-message-ttl`, `type`, `durable`.
        public let argument: String
        /// What this program wants.
        public let wanted: String
        /// What exists.
        public let existing: String
    }

    /// One refusal.
    public struct Problem: Sendable, CustomStringConvertible {
        /// What was being declared.
        public let subject: Subject
        /// The field that differs, when the broker named one.
        public let mismatch: Mismatch?
        /// The broker's reply code, for example 406 or 403.
        public let replyCode: UInt16?
        /// The broker's words.
        public let reply: String

        init(subject: Subject, error: AMQPError) {
            self.subject = subject
            replyCode = error.replyCode
            reply = error.message
            mismatch = Mismatch(parsing: error.message)
        }

        /// What is wrong and what to do about it.
        public var description: String {
            if let mismatch {
                let field = mismatch.argument
                return "\(subject) exists with \(field) = \(mismatch.existing), wanted \(mismatch.wanted). "
                    + "Arguments cannot be changed in place: compare with 'harebell topology verify', then either use "
                    + "the old value or move the messages and delete it."
            }
            switch replyCode {
            case 403:
                return "\(subject): this user may not declare or bind it (\(reply)). Grant the permissions of "
                    + "'harebell topology show', or let a provisioner run 'harebell topology apply' and start with "
                    + "declaring off."
            case 404:
                return "\(subject): something it needs does not exist (\(reply)). Run 'harebell topology apply'."
            default:
                return "\(subject): \(reply)"
            }
        }
    }

    /// Everything that was refused, in the order of declaration.
    public let problems: [Problem]

    /// One line per problem.
    public var description: String {
        problems.map(\.description).joined(separator: "\n")
    }
}

extension TopologyError.Mismatch {
    /// Reads `PRECONDITION_FAILED - inequivalent arg 'x-message-ttl' for queue 'a' in vhost '/': received the value
    /// '5' of type 'long' but current is the value '6' of type 'signedint'`, as RabbitMQ 3.10 to 4.3 word it.
    init?(parsing reply: String) {
        guard reply.contains("inequivalent arg") else { return nil }
        let quoted = reply.split(separator: "'", omittingEmptySubsequences: false).enumerated()
            .filter { !$0.offset.isMultiple(of: 2) }.map { String($0.element) }
        guard quoted.count >= 4, let head = reply.firstRange(of: "received"),
            let tail = reply.firstRange(of: "but current is")
        else { return nil }
        func value(_ text: Substring) -> String {
            if text.contains("none") && !text.contains("'") { return "none" }
            let parts = text.split(separator: "'", omittingEmptySubsequences: false)
            return parts.count > 1 ? String(parts[1]) : text.trimmed
        }
        argument = quoted[0]
        wanted = value(reply[head.upperBound..<tail.lowerBound])
        existing = value(reply[tail.upperBound...])
    }
}

extension Substring {
    fileprivate var trimmed: String {
        var text = self
        while let first = text.first, first.isWhitespace { text.removeFirst() }
        while let last = text.last, last.isWhitespace { text.removeLast() }
        return String(text)
    }
}
