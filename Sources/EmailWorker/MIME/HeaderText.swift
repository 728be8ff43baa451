#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// Free text in a header field: made harmless first, then written in ASCII (RFC 5322 §2.2, RFC 2047).
enum HeaderText {
    /// RFC 2047 §2: a line with an encoded word has at most 76 characters, the word itself at most 75.
    private static let lineLimit = 76
    private static let encodedWordFrame = ("=?UTF-8?B?", "?=")

    /// The text on one line.
    ///
    /// Every control character, line or paragraph separator and every invisible character that turns the direction of
    /// writing becomes a space, runs of white space become one, and what is over the limit is cut between characters.
    /// After this there is nothing in it that could end a header field.
    static func singleLine(_ text: String, limit: Int = 200) -> String {
        let isSpace = { (scalar: Unicode.Scalar) in
            switch scalar.properties.generalCategory {
            case .control, .lineSeparator, .paragraphSeparator, .spaceSeparator, .surrogate: true
            case .format: (0x202A...0x202E).contains(scalar.value) || (0x2066...0x2069).contains(scalar.value)
            default: false
            }
        }
        let words = text.unicodeScalars.split(whereSeparator: isSpace).map { String(String.UnicodeScalarView($0)) }
        return String(words.joined(separator: " ").prefix(limit)).trimmingTrailingSpace()
    }

    /// The value of an unstructured field such as `Subject`, folded for a line that starts with `name: `.
    static func unstructured(_ text: String, in name: String) -> String {
        let text = singleLine(text, limit: 500)
        let start = name.utf8.count + 2
        return isPlain(text) ? folded(text, from: start) : encodedWords(text, from: start)
    }

    /// The display name of a mailbox (a `phrase`): atoms, a quoted string or encoded words.
    static func phrase(_ text: String, in name: String) -> String {
        let text = singleLine(text)
        let start = name.utf8.count + 2
        guard isPlain(text), text.utf8.count + start + 2 <= lineLimit else { return encodedWords(text, from: start) }
        guard !text.utf8.allSatisfy({ MailAddress.isAtomByte($0) || $0 == 0x20 }) else { return text }
        let escaped = text.map { $0 == "\"" || $0 == "\\" ? "\\\($0)" : "\($0)" }.joined()
        return "\"\(escaped)\""
    }

    /// Whether the text needs no encoding: printable ASCII that nobody takes for an encoded word, foldable at spaces.
    private static func isPlain(_ text: String) -> Bool {
        text.utf8.allSatisfy { (0x20...0x7E).contains($0) } && !text.contains("=?")
            && text.utf8.split(separator: 0x20).allSatisfy { $0.count <= 60 }
    }

    private static func folded(_ text: String, from start: Int) -> String {
        var value = ""
        var column = start
        for word in text.split(separator: " ") {
            if !value.isEmpty {
                let fits = column + 1 + word.utf8.count <= lineLimit
                value += fits ? " " : "\r\n "
                column = fits ? column + 1 : 1
            }
            value += word
            column += word.utf8.count
        }
        return value
    }

    /// Encoded words of whole characters: each can be decoded by itself (RFC 2047 §5).
    private static func encodedWords(_ text: String, from start: Int) -> String {
        let frame = encodedWordFrame.0.utf8.count + encodedWordFrame.1.utf8.count
        var words: [String] = []
        var word = ""
        func room() -> Int { (lineLimit - (words.isEmpty ? start : 1) - frame) / 4 * 3 }
        func close() {
            guard !word.isEmpty else { return }
            let base64 = Data(word.utf8).base64EncodedString()
            words.append(encodedWordFrame.0 + base64 + encodedWordFrame.1)
            word = ""
        }
        func add(_ piece: String) {
            if word.utf8.count + piece.utf8.count > room() { close() }
            word += piece
        }
        for character in text {
            // A character may be a letter with a hundred accents: then its scalars are the unit.
            if character.utf8.count <= 30 {
                add(String(character))
            } else {
                for scalar in character.unicodeScalars { add(String(scalar)) }
            }
        }
        close()
        return words.joined(separator: "\r\n ")
    }
}

extension String {
    fileprivate func trimmingTrailingSpace() -> String {
        var text = self[...]
        while text.last == " " { text.removeLast() }
        return String(text)
    }
}
