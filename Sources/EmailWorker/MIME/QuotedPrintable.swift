/// Text in printable ASCII with short lines (RFC 2045 §6.7).
enum QuotedPrintable {
    private static let lineLimit = 76

    /// Encodes a text; its line ends, whatever they were, become CRLF.
    static func encode(_ text: String) -> String {
        var lines: [String] = []
        for line in text.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline) {
            encode(Array(line.utf8), into: &lines)
        }
        return lines.joined(separator: "\r\n")
    }

    private static func encode(_ bytes: [UInt8], into lines: inout [String]) {
        var line = ""
        for (index, byte) in bytes.enumerated() {
            let isLast = index == bytes.count - 1
            let token = token(for: byte, isLast: isLast, isFirst: line.isEmpty)
            // A line that goes on needs a place for its "=".
            if line.utf8.count + token.utf8.count > lineLimit - (isLast ? 0 : 1) {
                lines.append(line + "=")
                line = ""
            }
            line += token
        }
        lines.append(line)
    }

    private static func token(for byte: UInt8, isLast: Bool, isFirst: Bool) -> String {
        switch byte {
        // White space at the end of a line is lost on the way; a lone dot ends a mail; "From " starts another.
        case 0x20, 0x09: isLast ? hex(byte) : String(UnicodeScalar(byte))
        case UInt8(ascii: "."), UInt8(ascii: "F"): isFirst ? hex(byte) : String(UnicodeScalar(byte))
        case UInt8(ascii: "="): hex(byte)
        case 0x21...0x7E: String(UnicodeScalar(byte))
        default: hex(byte)
        }
    }

    private static func hex(_ byte: UInt8) -> String {
        let digits = String(byte, radix: 16, uppercase: true)
        return digits.utf8.count == 1 ? "=0\(digits)" : "=\(digits)"
    }
}
