/// One reply of the server: a code, an enhanced code (RFC 3463) and a text per line.
struct SMTPReply: Sendable, Hashable {
    let code: Int
    let lines: [String]

    init(_ code: Int, _ lines: String...) {
        self.init(code, lines: lines)
    }

    init(_ code: Int, lines: [String]) {
        self.code = code
        self.lines = lines.isEmpty ? [""] : lines
    }

    /// The reply as it goes over the wire.
    var wire: String {
        lines.enumerated().map { index, line in
            "\(code)\(index == lines.count - 1 ? " " : "-")\(line)\r\n"
        }.joined()
    }

    static let ok = SMTPReply(250, "2.0.0 OK")
    static let badSequence = SMTPReply(503, "5.5.1 Bad sequence of commands")
    static let badParameter = SMTPReply(501, "5.5.4 Syntax error in parameters")
    static let lineTooLong = SMTPReply(500, "5.5.2 Line too long")
    static let tooManyErrors = SMTPReply(421, "4.7.0 Too many errors")
    static let idle = SMTPReply(421, "4.4.2 Idle for too long")
    static let tooLarge = SMTPReply(552, "5.3.4 Message exceeds the size limit")
}
