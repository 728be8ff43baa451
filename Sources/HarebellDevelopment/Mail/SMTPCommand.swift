/// A command line of a client, read strictly.
enum SMTPCommand: Sendable, Hashable {
    case hello(String, extended: Bool)
    case mail(SMTPPath, parameters: [String: String])
    case recipient(SMTPPath, parameters: [String: String])
    case data, reset, noop, quit, startTLS, verify, help
    case authenticate(mechanism: String, initial: String?)
    case unknown
    /// The verb is known and its parameters are not well formed.
    case malformed

    init(line: String) {
        let (verb, rest) = Self.split(line)
        switch verb.uppercased() {
        case "HELO", "EHLO":
            let name = rest.trimmed
            self = name.isEmpty ? .malformed : .hello(name, extended: verb.uppercased() == "EHLO")
        case "MAIL": self = Self.path(rest, keyword: "FROM:").map { .mail($0, parameters: $1) } ?? .malformed
        case "RCPT": self = Self.path(rest, keyword: "TO:").map { .recipient($0, parameters: $1) } ?? .malformed
        case "DATA": self = rest.trimmed.isEmpty ? .data : .malformed
        case "RSET": self = rest.trimmed.isEmpty ? .reset : .malformed
        case "STARTTLS": self = rest.trimmed.isEmpty ? .startTLS : .malformed
        case "NOOP": self = .noop
        case "QUIT": self = .quit
        case "VRFY": self = .verify
        case "HELP": self = .help
        case "AUTH":
            let parts = rest.split(separator: " ").map(String.init)
            self =
                (1...2).contains(parts.count)
                ? .authenticate(mechanism: parts[0].uppercased(), initial: parts.count == 2 ? parts[1] : nil)
                : .malformed
        default: self = .unknown
        }
    }

    private static func split(_ line: String) -> (String, String) {
        guard let space = line.firstIndex(of: " ") else { return (line, "") }
        return (String(line[..<space]), String(line[line.index(after: space)...]))
    }

    /// `FROM:<path> KEY=value KEY`.
    private static func path(_ text: String, keyword: String) -> (SMTPPath, [String: String])? {
        let text = text.trimmed
        guard text.uppercased().hasPrefix(keyword) else { return nil }
        // Some clients put a space after the colon; RFC 5321 forbids it and servers accept it.
        let rest = String(text.dropFirst(keyword.count)).trimmed
        guard rest.first == "<", let end = rest.closingBracket else { return nil }
        guard let path = SMTPPath(String(rest[rest.index(after: rest.startIndex)..<end])) else { return nil }
        let tail = rest[rest.index(after: end)...]
        guard tail.isEmpty || tail.first == " " else { return nil }
        var parameters: [String: String] = [:]
        for parameter in tail.split(separator: " ") {
            let parts = parameter.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            let key = parts[0].uppercased()
            guard !key.isEmpty, parameters[key] == nil else { return nil }
            parameters[key] = parts.count == 2 ? String(parts[1]) : ""
        }
        return (path, parameters)
    }
}

/// An address between angle brackets; empty for the null sender.
struct SMTPPath: Sendable, Hashable {
    let address: String

    var isASCII: Bool { address.utf8.allSatisfy { $0 < 0x80 } }

    init?(_ text: String) {
        // 256 octets is the protocol's limit of a path; control characters never belong in one.
        guard text.utf8.count <= 256, text.unicodeScalars.allSatisfy({ $0.value >= 0x20 && $0.value != 0x7f }) else {
            return nil
        }
        guard !text.isEmpty else {
            address = ""
            return
        }
        // A source route (`@a,@b:user@c`) is read and ignored, as the standard says.
        var address = text
        if text.first == "@" {
            guard let colon = text.firstIndex(of: ":") else { return nil }
            address = String(text[text.index(after: colon)...])
        }
        guard let at = address.lastIndex(of: "@") else {
            guard address.lowercased() == "postmaster" else { return nil }
            self.address = address
            return
        }
        let (local, domain) = (address[..<at], address[address.index(after: at)...])
        let quoted = local.count >= 2 && local.first == "\"" && local.last == "\""
        guard !local.isEmpty, !domain.isEmpty, !domain.contains(where: { " <>,;\\\"".contains($0) }),
            quoted || !local.contains(where: { " <>,;:\\\"@".contains($0) })
        else { return nil }
        self.address = address
    }
}

extension String {
    /// Without spaces and tabs at either end.
    fileprivate var trimmed: String {
        let text = drop { $0 == " " || $0 == "\t" }
        guard let last = text.lastIndex(where: { $0 != " " && $0 != "\t" }) else { return "" }
        return String(text[...last])
    }

    /// The first `>` outside a quoted string.
    fileprivate var closingBracket: String.Index? {
        var quoted = false
        var escaped = false
        for index in indices {
            let character = self[index]
            if escaped {
                escaped = false
            } else if quoted, character == "\\" {
                escaped = true
            } else if character == "\"" {
                quoted.toggle()
            } else if character == ">", !quoted {
                return index
            }
        }
        return nil
    }
}
