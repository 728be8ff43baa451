import LoanEvents

/// What a field may hold.
///
/// Each rule answers with a complaint, or nil when there is none; none repeats the value.
enum FieldRules {
    /// The largest amount in minor units: every JSON reader, also one that keeps numbers as doubles, holds it exactly.
    static let largestAmount: Int64 = 9_007_199_254_740_991

    /// A person's name in any script, without what cannot be seen or turns text around.
    static func name(_ text: String) -> String? {
        text.unicodeScalars.contains { $0.properties.isAlphabetic || $0.properties.numericType != nil }
            ? line(text, limit: 200) : "must contain a letter"
    }

    /// One line of visible text.
    static func line(_ text: String, limit: Int) -> String? {
        guard text.unicodeScalars.count <= limit else { return "must have at most \(limit) characters" }
        guard text.unicodeScalars.first?.properties.isWhitespace != true,
            text.unicodeScalars.last?.properties.isWhitespace != true
        else { return "must not begin or end with a space" }
        guard text.unicodeScalars.allSatisfy(isVisible) else {
            return "must not contain control, bidirectional or other invisible characters"
        }
        return nil
    }

    /// A reference that every bank prints: SEPA's characters, at most 35.
    static func reference(_ text: String) -> String? {
        let allowed = text.utf8.allSatisfy { isAlphanumeric($0) || "/-?:().,'+ ".utf8.contains($0) }
        guard !text.isEmpty, text.utf8.count <= 35, allowed, text.first != " ", text.last != " " else {
            return "must be 1 to 35 of the characters A-Z a-z 0-9 / - ? : ( ) . , ' + and space"
        }
        return nil
    }

    /// The ISO 4217 code of a currency in use.
    static func currency(_ text: String) -> String? {
        Money.isActive(currency: text) ? nil : "must be the ISO 4217 code of a currency in use, such as SEK"
    }

    /// An address that can be mailed to: a dot-atom, `@` and a host name, in ASCII.
    static func email(_ text: String) -> String? {
        let parts = text.split(separator: "@", omittingEmptySubsequences: false)
        guard text.utf8.count <= 254, parts.count == 2, isLocalPart(parts[0]), isHostName(parts[1]) else {
            return "must be an e-mail address such as name@example.com; an international domain in its xn-- form"
        }
        return nil
    }

    private static func isVisible(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.properties.generalCategory {
        case .control, .lineSeparator, .paragraphSeparator, .surrogate, .unassigned, .privateUse: false
        // Joiners belong to the spelling of names in Persian and Indic scripts.
        case .format: scalar == "\u{200C}" || scalar == "\u{200D}"
        default: true
        }
    }

    private static func isLocalPart(_ part: Substring) -> Bool {
        part.utf8.count <= 64
            && part.split(separator: ".", omittingEmptySubsequences: false).allSatisfy { atom in
                !atom.isEmpty
                    && atom.utf8.allSatisfy { isAlphanumeric($0) || "!#$%&'*+-/=?^_`{|}~".utf8.contains($0) }
            }
    }

    private static func isHostName(_ part: Substring) -> Bool {
        let labels = part.split(separator: ".", omittingEmptySubsequences: false)
        return part.utf8.count <= 253
            && labels.allSatisfy { label in
                (1...63).contains(label.utf8.count) && label.first != "-" && label.last != "-"
                    && label.utf8.allSatisfy { isAlphanumeric($0) || $0 == UInt8(ascii: "-") }
            }
    }

    static func isDigit(_ byte: UInt8) -> Bool {
        (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
    }

    static func isAlphanumeric(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"):
            true
        default: false
        }
    }
}
