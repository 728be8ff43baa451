/// Message content on a terminal: hostile until every character that could move the cursor, hide text or end a line
/// is shown as what it is.
enum SafeText {
    /// The text on one line: control, format and bidirectional characters escaped, and cut at `limit` characters.
    static func line(_ text: String, limit: Int = 200) -> String {
        var safe = ""
        var count = 0
        for scalar in text.unicodeScalars {
            if count == limit {
                safe += "…"
                break
            }
            safe += isHarmless(scalar) ? String(scalar) : "\\u{\(String(scalar.value, radix: 16))}"
            count += 1
        }
        return safe
    }

    /// The text on several lines: newlines and tabs stay, everything else as in ``line(_:limit:)``.
    static func block(_ text: String, limit: Int = 64 * 1024) -> String {
        text.split(separator: "\n", omittingEmptySubsequences: false)
            .map { line(String($0).replacing("\t", with: "    "), limit: limit) }
            .joined(separator: "\n")
    }

    /// An id as an argument on a command line, nil if a shell or `xargs` could take it for something else.
    ///
    /// Whoever publishes chooses the id: `$(…)`, or `--all --yes` between two others.
    static func argument(_ text: String) -> String? {
        let isPlain = text.utf8.allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "a")...UInt8(ascii: "z"),
                UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "-"), UInt8(ascii: "_"), UInt8(ascii: "."),
                UInt8(ascii: ":"):
                true
            default: false
            }
        }
        return isPlain && !text.isEmpty && !text.hasPrefix("-") && text.utf8.count <= 255 ? text : nil
    }

    /// JSON that says the same, without what could move the cursor, hide text or turn its direction.
    ///
    /// Such characters stand in strings only, where JSON has another spelling for them; line feeds are the encoder's own.
    static func json(_ text: String) -> String {
        guard !text.unicodeScalars.allSatisfy({ $0 == "\n" || isHarmless($0) }) else { return text }
        var safe = ""
        for scalar in text.unicodeScalars {
            if scalar == "\n" || isHarmless(scalar) {
                safe.unicodeScalars.append(scalar)
            } else {
                for unit in String(scalar).utf16 {
                    let digits = String(unit, radix: 16)
                    safe += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
                }
            }
        }
        return safe
    }

    private static func isHarmless(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.properties.generalCategory {
        case .control, .format, .lineSeparator, .paragraphSeparator, .privateUse, .surrogate, .unassigned: false
        default: true
        }
    }
}
