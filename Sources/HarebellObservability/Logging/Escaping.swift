/// Which characters never reach a terminal or a log file as they are.
///
/// Control characters end lines and start ANSI sequences; line and paragraph separators end lines for some readers;
/// bidirectional overrides make text read other than it is; a byte order mark or an invisible separator hides text.
/// The joiners U+200C and U+200D stay: Persian and emoji need them.
enum Escaping {
    static func isUnsafe(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.value {
        case 0x00...0x1F, 0x7F...0x9F: true
        case 0x2028, 0x2029: true
        case 0x061C, 0x200E, 0x200F, 0x202A...0x202E, 0x2066...0x206F: true
        case 0x00AD, 0x200B, 0x2060...0x2064, 0xFEFF, 0xFFF9...0xFFFB: true
        default: false
        }
    }

    /// Appends the text as the inside of a JSON string; all escaped characters are in the basic plane.
    static func appendJSON(_ text: String, to line: inout String) {
        guard !isPlain(text) else {
            line += text
            return
        }
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": line += "\\\""
            case "\\": line += "\\\\"
            case "\n": line += "\\n"
            case "\r": line += "\\r"
            case "\t": line += "\\t"
            case _ where isUnsafe(scalar): line += "\\u" + hexadecimal(scalar, digits: 4)
            default: line.unicodeScalars.append(scalar)
            }
        }
    }

    /// Appends the text for a person's eyes: `\n`, `\u{1B}`; a backslash stays one.
    static func appendPretty(_ text: String, to line: inout String) {
        guard !isPlain(text) else {
            line += text
            return
        }
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\n": line += "\\n"
            case "\r": line += "\\r"
            case "\t": line += "\\t"
            case _ where isUnsafe(scalar): line += "\\u{" + hexadecimal(scalar, digits: 2) + "}"
            default: line.unicodeScalars.append(scalar)
            }
        }
    }

    /// Whether all of it is printable ASCII without quotes and backslashes: nearly always, and then it is appended at once.
    private static func isPlain(_ text: String) -> Bool {
        let bytes = text.utf8.span
        for index in bytes.indices {
            let byte = bytes[index]
            if byte < 0x20 || byte > 0x7E || byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\") { return false }
        }
        return true
    }

    private static func hexadecimal(_ scalar: Unicode.Scalar, digits: Int) -> String {
        let text = String(scalar.value, radix: 16, uppercase: true)
        return String(repeating: "0", count: max(0, digits - text.count)) + text
    }
}
