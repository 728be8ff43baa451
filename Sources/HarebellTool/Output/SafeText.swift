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

    private static func isHarmless(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.properties.generalCategory {
        case .control, .format, .lineSeparator, .paragraphSeparator, .privateUse, .surrogate, .unassigned: false
        default: true
        }
    }
}
