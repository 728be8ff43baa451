import Testing

@testable import EmailWorker

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

@Suite struct `Text in mail headers` {
    @Test(arguments: [
        ("Astrid Lindgren", "Astrid Lindgren"), ("", ""), ("   ", ""), ("O'Neil", "O'Neil"),
        ("Dr. Who", #""Dr. Who""#), (#"The "Boss" \o/"#, #""The \"Boss\" \\o/""#), ("a, b", #""a, b""#),
        ("<eve@example.org>", #""<eve@example.org>""#), ("Åsa Öberg", "=?UTF-8?B?w4VzYSDDlmJlcmc=?="),
        ("=?UTF-8?B?w4VzYQ==?=", "=?UTF-8?B?PT9VVEYtOD9CP3c0VnpZUT09Pz0=?="),
        ("Åsa\r\nBcc: eve@example.org", "=?UTF-8?B?w4VzYSBCY2M6IGV2ZUBleGFtcGxlLm9yZw==?="),
        ("Eve\r\nBcc: eve@example.org", #""Eve Bcc: eve@example.org""#), ("a\u{0}\u{1B}[31mb", #""a [31mb""#),
        ("a\u{2028}b\u{2029}c\u{85}d", "a b c d"), ("txt\u{202E}gpj", "txt gpj"),
    ])
    func `a display name is an atom, a quoted string or an encoded word`(name: String, header: String) {
        #expect(HeaderText.phrase(name, in: "To") == header)
    }

    @Test(arguments: [
        String(repeating: "å", count: 200), String(repeating: "x", count: 200), String(repeating: "👩‍👩‍👧‍👦", count: 40),
        "Åsa " + String(repeating: "e\u{301}\u{302}\u{303}", count: 60), "z" + String(repeating: "\u{301}", count: 300),
        "山田太郎 " + String(repeating: "漢字", count: 80),
        String(repeating: "words and words ", count: 12) + "end",
    ])
    func `a long text is folded, and reads the same`(text: String) throws {
        for field in ["Subject", "X-Correlation-ID"] {
            let header = HeaderText.unstructured(text, in: field)
            let lines = "\(field): \(header)".components(separatedBy: "\r\n")
            for (index, line) in lines.enumerated() {
                #expect(line.utf8.count <= 76)
                #expect(line.utf8.allSatisfy { (0x20...0x7E).contains($0) })
                if index > 0 { #expect(line.hasPrefix(" ")) }
            }
            #expect(try decoded(header) == HeaderText.singleLine(text, limit: 500))
        }
    }

    @Test func `nothing can start a second line`() {
        for scalar in (0...0x2100).compactMap(UnicodeScalar.init) {
            let hostile = "a\(Character(scalar))Bcc: x"
            for header in [HeaderText.unstructured(hostile, in: "Subject"), HeaderText.phrase(hostile, in: "To")] {
                #expect(header.utf8.allSatisfy { (0x20...0x7E).contains($0) }, "U+\(String(scalar.value, radix: 16))")
            }
        }
        #expect(HeaderText.singleLine("a\r\n\r\n\tb  c\u{A0}d ") == "a b c d")
        #expect(HeaderText.singleLine(String(repeating: "ab ", count: 100), limit: 6) == "ab ab")
        #expect(HeaderText.singleLine("شكرا 👨‍👩‍👧") == "شكرا 👨‍👩‍👧")
    }

    /// Undoes encoded words and folding.
    private func decoded(_ header: String) throws -> String {
        guard header.hasPrefix("=?") else { return header.replacing("\r\n ", with: " ") }
        return try header.components(separatedBy: "\r\n ").map { word in
            let base64 = word.dropFirst("=?UTF-8?B?".count).dropLast(2)
            let data = try #require(Data(base64Encoded: String(base64)))
            // Each word holds whole characters.
            return try #require(String(data: data, encoding: .utf8))
        }.joined()
    }
}

@Suite struct `Mail addresses` {
    @Test(arguments: [
        "astrid@example.org", "a.b+c@example.org", "o'neil@sub.example.org", "åsa@example.org", "dev@localhost",
        "user@xn--bcher-kva.example", "post@bücher.example", "!#$%&'*+-/=?^_`{|}~@example.org", "山田@例え.jp",
    ])
    func `an address is taken`(address: String) throws {
        #expect(try MailAddress(address: address).address == address)
    }

    @Test(arguments: [
        "", "astrid", "@example.org", "astrid@", ".a@example.org", "a.@example.org", "a..b@example.org",
        "a@example..org", "a@.example.org", "a@example.org.", "a b@example.org", "a@exa mple.org", "a@b@example.org",
        "a@example.org\r\nBcc: eve@example.org", "a\r\n@example.org", "a@example.org>", "<a@example.org>",
        "a@example.org,b@example.org", "\"a b\"@example.org", "a(comment)@example.org", "a@[127.0.0.1]",
        "a@exam_ple.org", "a@-example.org", "a\u{0}@example.org", "a\u{202E}@example.org", "a\u{200B}@example.org",
        "a\u{A0}b@example.org", String(repeating: "a", count: 65) + "@example.org",
        "a@" + String(repeating: "example.", count: 40) + "org",
    ])
    func `what could be more than one address is not`(address: String) {
        #expect(throws: MailAddressError.self) { try MailAddress(address: address) }
    }

    @Test(arguments: [
        ("loans@example.org", "", "loans@example.org"), ("Loans <loans@example.org>", "Loans", "loans@example.org"),
        ("\"Loans, Inc.\" <loans@example.org>", "Loans, Inc.", "loans@example.org"),
        ("Lån AB <loans@example.org>", "Lån AB", "loans@example.org"), ("<loans@example.org>", "", "loans@example.org"),
    ])
    func `a sender is read with its name`(text: String, name: String, address: String) throws {
        let mailbox = try MailAddress(parsing: text)
        #expect(mailbox.name == name)
        #expect(mailbox.address == address)
    }

    @Test func `a mailbox is folded between name and address`() throws {
        let long = try MailAddress(
            name: "Åsa " + String(repeating: "ö", count: 30),
            address: String(repeating: "a", count: 60) + "@example.org")
        let lines = "To: \(long.header(in: "To"))".components(separatedBy: "\r\n")
        #expect(lines.last == " <\(long.address)>")
        #expect(lines.allSatisfy { $0.utf8.count <= 80 })
        #expect(try MailAddress(name: "Åsa", address: "a@b.se").header(in: "To") == "=?UTF-8?B?w4VzYQ==?= <a@b.se>")
        #expect(try MailAddress(address: "a@b.se").header(in: "To") == "a@b.se")
    }
}
