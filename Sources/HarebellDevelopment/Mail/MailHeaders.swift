#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// The header fields of a message, unfolded and with encoded words decoded (RFC 5322, RFC 2047).
public struct MailHeaders: Sendable, Hashable {
    /// Names as they were written and decoded values, in order.
    public let fields: [Field]

    /// One header field.
    public struct Field: Sendable, Hashable {
        /// The name as it was written.
        public let name: String
        /// The value, unfolded and decoded.
        public let value: String
    }

    /// Reads the header block at the beginning of a message; lines that are none are left out.
    public init(message: [UInt8]) {
        var lines: [String] = []
        for line in message.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false) {
            let line = line.last == UInt8(ascii: "\r") ? line.dropLast() : line
            guard let first = line.first else { break }
            if first == UInt8(ascii: " ") || first == UInt8(ascii: "\t"), !lines.isEmpty {
                lines[lines.count - 1] += String(decoding: line, as: UTF8.self)
            } else {
                lines.append(String(decoding: line, as: UTF8.self))
            }
        }
        fields = lines.compactMap { line in
            guard let colon = line.firstIndex(of: ":"), colon != line.startIndex else { return nil }
            let value = line[line.index(after: colon)...].drop { $0 == " " || $0 == "\t" }
            return Field(name: String(line[..<colon]), value: EncodedWords.decode(String(value)))
        }
    }

    /// The value of the first field of this name, in any case.
    public subscript(_ name: String) -> String? {
        fields.first { $0.name.lowercased() == name.lowercased() }?.value
    }
}

/// Encoded words of RFC 2047: `=?utf-8?B?w4Vz?=`.
enum EncodedWords {
    static func decode(_ text: String) -> String {
        var result = ""
        var rest = text[...]
        // White space between two encoded words belongs to neither.
        var follows = false
        while let start = rest.firstRange(of: "=?") {
            let before = String(rest[..<start.lowerBound])
            guard let (word, end) = word(in: rest[start.upperBound...]) else {
                result += before + "=?"
                follows = false
                rest = rest[start.upperBound...]
                continue
            }
            let isBlank = before.allSatisfy { $0 == " " || $0 == "\t" }
            if !(follows && isBlank) { result += before }
            result += word
            follows = true
            rest = rest[end...]
        }
        return result + rest
    }

    /// `charset?encoding?text?=` and the index after it.
    private static func word(in text: Substring) -> (String, Substring.Index)? {
        guard let charsetEnd = text.firstIndex(of: "?") else { return nil }
        let afterCharset = text[text.index(after: charsetEnd)...]
        guard let encodingEnd = afterCharset.firstIndex(of: "?") else { return nil }
        let content = afterCharset[afterCharset.index(after: encodingEnd)...]
        guard let end = content.firstRange(of: "?=") else { return nil }
        let encoded = content[..<end.lowerBound]
        guard !encoded.contains(where: { $0 == " " || $0 == "?" }) else { return nil }
        let bytes: [UInt8]?
        switch afterCharset[..<encodingEnd].lowercased() {
        case "b": bytes = Data(base64Encoded: String(encoded)).map { [UInt8]($0) }
        case "q": bytes = quoted(encoded)
        default: bytes = nil
        }
        // A language may follow the charset after an asterisk (RFC 2231).
        let charset = text[..<charsetEnd].split(separator: "*").first?.lowercased()
        guard let bytes, let decoded = decode(bytes, charset: charset ?? "") else { return nil }
        return (decoded, end.upperBound)
    }

    private static func decode(_ bytes: [UInt8], charset: String) -> String? {
        switch charset {
        case "utf-8", "us-ascii", "ascii": String(decoding: bytes, as: UTF8.self)
        case "iso-8859-1", "latin1": String(String.UnicodeScalarView(bytes.map { Unicode.Scalar($0) }))
        default: nil
        }
    }

    private static func quoted(_ text: Substring) -> [UInt8]? {
        var bytes: [UInt8] = []
        var rest = Array(text.utf8)[...]
        while let byte = rest.popFirst() {
            switch byte {
            case UInt8(ascii: "_"): bytes.append(0x20)
            case UInt8(ascii: "="):
                let digits = String(decoding: rest.prefix(2), as: UTF8.self)
                guard digits.utf8.count == 2, let value = UInt8(digits, radix: 16) else { return nil }
                bytes.append(value)
                rest = rest.dropFirst(2)
            default: bytes.append(byte)
            }
        }
        return bytes
    }
}
