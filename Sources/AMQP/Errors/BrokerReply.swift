import CRabbitMQ

/// A reply code and the broker's words as a sentence: what happened, on what, and what to do.
///
/// The words are those of RabbitMQ 3.10 to 4.3; what is not recognised is passed on with what its code alone tells.
struct BrokerReply: CustomStringConvertible {
    let code: UInt16
    /// The words after the name of the code; empty if there are none.
    let words: Substring
    /// Class and method that were refused, `0` if unknown.
    let method: UInt32

    init(code: UInt16, text: String, method: UInt32) {
        self.code = code
        self.method = method
        if let name = text.firstRange(of: " - ") {
            words = text[name.upperBound...]
        } else {
            words = text == Self.name(of: code) ? "" : text[...]
        }
    }

    /// The broker's words without what may be a piece of a message: it quotes the bytes of frames it did not understand.
    static func withoutBytes(_ text: String) -> String {
        let printable = printable(text)
        return printable.firstRange(of: "<<").map { printable[..<$0.lowerBound] + "…" } ?? printable
    }

    /// Text without what could end a line of a log, or turn the direction of what follows.
    static func printable(_ text: String) -> String {
        String(
            text.unicodeScalars.map { scalar in
                switch scalar.properties.generalCategory {
                case .control, .format, .lineSeparator, .paragraphSeparator: "?"
                default: Character(scalar)
                }
            })
    }

    /// The same of a text that may be long, cut to so many bytes of UTF-8.
    static func printable(_ text: String, bytes limit: Int) -> String {
        // Between two scalars: a Character may have as many of them as fit into a frame.
        var size = 0
        let start = text.unicodeScalars.prefix { scalar in
            size += UTF8.width(scalar)
            return size <= limit
        }
        return printable(String(start))
    }

    /// For example `404 NOT_FOUND: there is no queue "email" in virtual host "/": declare it first`.
    var description: String { "\(code) \(Self.name(of: code)): \(sentence)" }

    /// The name of a reply code, as the specification has it (AMQP 0-9-1 §1.1, constants).
    static func name(of code: UInt16) -> String {
        guard let name = amqp_constant_name(Int32(code)) else { return "UNKNOWN" }
        let text = String(cString: name)
        return text.hasPrefix("AMQP_") ? String(text.dropFirst(5)) : "UNKNOWN"
    }

    // MARK: Reading the words

    func match(_ pattern: String) -> [Substring]? {
        Self.match(pattern, in: words)
    }

    /// What stands in the places of the stars, if the words are like the pattern from the first to the last.
    ///
    /// Each star is as short as can be, only the last reaches as far as it can; so a name may hold a quote.
    private static func match(_ pattern: String, in words: Substring) -> [Substring]? {
        let literals = pattern.split(separator: "*", omittingEmptySubsequences: false)
        guard let first = literals.first, let last = literals.last, literals.count > 1, words.hasPrefix(first) else {
            return nil
        }
        var rest = words.dropFirst(first.count)
        guard rest.hasSuffix(last) else { return nil }
        rest = rest.dropLast(last.count)
        var found: [Substring] = []
        for literal in literals[1..<literals.count - 1] {
            guard let range = rest.firstRange(of: literal) else { return nil }
            found.append(rest[..<range.lowerBound])
            rest = rest[range.upperBound...]
        }
        return found + [rest]
    }

    func has(_ text: String) -> Bool {
        words.firstRange(of: text) != nil
    }

    /// `queue 'email' in vhost '/'`, which is how the broker names things, as `queue "email" in virtual host "/"`.
    func thing(_ text: Substring) -> String {
        guard let parts = Self.match("* '*' in vhost '*'", in: text) else { return String(text) }
        return "\(parts[0]) \"\(parts[1])\" in virtual host \"\(parts[2])\""
    }

    /// An Erlang term as words: `{value_negative,-1}` is `value negative, -1`.
    static func plain(_ term: Substring) -> String {
        var text = ""
        for character in term {
            switch character {
            case "{", "}", "[", "]", "\"", "'": break
            case "_": text += " "
            case ",": text += ", "
            default: text.append(character)
            }
        }
        return text.replacing(",  ", with: ", ")
    }
}
