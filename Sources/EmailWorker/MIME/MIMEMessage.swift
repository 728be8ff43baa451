#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// A mail with a plain and an HTML form of one text (RFC 5322, RFC 2046 §5.1.4), as a value.
///
/// No text given to it can add a header field or end a part: header texts are made single lines, addresses are checked
/// when they are made, and the bodies are encoded such that the boundary cannot occur in them.
struct MIMEMessage: Sendable, Hashable {
    var from: MailAddress
    var to: MailAddress
    var subject: String
    var date: Date
    var messageID: MessageID
    /// The correlation id of the event that the mail is about.
    var correlationID: String
    /// The text with any line ends.
    var text: String
    /// The same as HTML.
    var html: String

    /// A boundary holds `=_`, which neither quoted-printable (`=` and two hexadecimal digits) nor base64 contains.
    static let boundary = "=_harebell_alternative"

    /// The message as it is sent: lines end with CRLF and have at most 998 bytes, of which 76 is the rule.
    ///
    /// All ASCII, unless an address is not.
    func rendered() -> [UInt8] {
        let fields = [
            ("From", from.header(in: "From")),
            ("To", to.header(in: "To")),
            ("Subject", HeaderText.unstructured(subject, in: "Subject")),
            ("Date", MailDate.header(date)),
            ("Message-ID", messageID.description),
            ("X-Correlation-ID", HeaderText.unstructured(correlationID, in: "X-Correlation-ID")),
            // Tells other programs not to answer (RFC 3834).
            ("Auto-Submitted", "auto-generated"),
            ("MIME-Version", "1.0"),
            ("Content-Type", "multipart/alternative;\r\n boundary=\"\(Self.boundary)\""),
        ]
        let head = fields.map { "\($0.0): \($0.1)\r\n" }.joined()
        let message =
            head + "\r\n" + part("text/plain", text) + part("text/html", html) + "--\(Self.boundary)--\r\n"
        return Array(message.utf8)
    }

    private func part(_ type: String, _ content: String) -> String {
        // Quoted-printable triples what is not ASCII; base64 adds a third to everything.
        let others = content.utf8.count { $0 >= 0x80 }
        let isMostlyASCII = others * 6 <= content.utf8.count
        let encoding = isMostlyASCII ? "quoted-printable" : "base64"
        let body = isMostlyASCII ? QuotedPrintable.encode(content) : base64(content)
        return """
            --\(Self.boundary)\r
            Content-Type: \(type); charset=utf-8\r
            Content-Transfer-Encoding: \(encoding)\r
            \r
            \(body)\r

            """
    }

    /// Lines of 76 characters.
    ///
    /// The text's own line ends are CRLF inside, as RFC 2046 §4.1.1 demands of text.
    private func base64(_ content: String) -> String {
        let lines = content.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline)
        let data = Data(lines.joined(separator: "\r\n").utf8)
        return data.base64EncodedString(options: [
            .lineLength76Characters, .endLineWithCarriageReturn, .endLineWithLineFeed,
        ])
    }
}
