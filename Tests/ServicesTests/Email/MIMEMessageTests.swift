import LoanEvents
import Testing

@testable import EmailWorker

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

@Suite struct `Mail messages` {
    @Test func `a message is written as it should be, to the byte`() throws {
        let sender = try MailAddress(name: "Harebell Loans", address: "loans@example.org")
        let message = MIMEMessage(
            from: sender, to: try MailAddress(name: "Åsa Öberg", address: "asa@example.org"),
            subject: "Paid: 1 250 000,00 kr", date: Date(timeIntervalSince1970: 1_795_413_630),
            messageID: MessageID(eventID: "0199-abc", sender: sender), correlationID: "corr-1",
            text: "Hej Åsa,\n\n1 = 1 \n.\nFrom us", html: "<p>漢字漢字漢字</p>")
        let expected = """
            From: Harebell Loans <loans@example.org>
            To: =?UTF-8?B?w4VzYSDDlmJlcmc=?= <asa@example.org>
            Subject: Paid: 1 250 000,00 kr
            Date: Mon, 23 Nov 2026 06:00:30 +0000
            Message-ID: <0199-abc@harebell.example.org>
            X-Correlation-ID: corr-1
            Auto-Submitted: auto-generated
            MIME-Version: 1.0
            Content-Type: multipart/alternative;
             boundary="=_harebell_alternative"

            --=_harebell_alternative
            Content-Type: text/plain; charset=utf-8
            Content-Transfer-Encoding: quoted-printable

            Hej =C3=85sa,

            1 =3D 1=20
            =2E
            =46rom us
            --=_harebell_alternative
            Content-Type: text/html; charset=utf-8
            Content-Transfer-Encoding: base64

            PHA+5ryi5a2X5ryi5a2X5ryi5a2XPC9wPg==
            --=_harebell_alternative--

            """
        #expect(String(decoding: message.rendered(), as: UTF8.self) == expected.replacing("\n", with: "\r\n"))
    }

    @Test(arguments: [
        "", "x", "\n", "a\nb", "a\r\nb\rc", "trailing \ntab\t\n", "=", "a=b", String(repeating: "x", count: 76),
        String(repeating: "x", count: 77), String(repeating: "x", count: 1000), String(repeating: "å", count: 100),
        String(repeating: "x", count: 75) + " ", String(repeating: "x", count: 75) + "å\nnext", "..\n.\nFrom\n",
        String(repeating: "word ", count: 100), "--=_harebell_alternative--\n\u{0}\u{1F}\u{7F}",
    ])
    func `quoted-printable brings every text back in short lines`(text: String) throws {
        let encoded = QuotedPrintable.encode(text)
        for line in encoded.components(separatedBy: "\r\n") {
            #expect(line.utf8.count <= 76)
            #expect(line.utf8.allSatisfy { (0x21...0x7E).contains($0) || $0 == 0x20 })
            #expect(!line.hasSuffix(" "))
            #expect(!line.contains(MIMEMessage.boundary))
            #expect(line != ".")
        }
        let lines = text.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline)
        #expect(decoded(encoded) == lines.joined(separator: "\r\n"))
    }

    @Test(arguments: [
        (0, "Thu, 1 Jan 1970 00:00:00 +0000"), (951_782_400, "Tue, 29 Feb 2000 00:00:00 +0000"),
        (1_767_225_599, "Wed, 31 Dec 2025 23:59:59 +0000"), (-1, "Wed, 31 Dec 1969 23:59:59 +0000"),
        (4_102_444_800, "Fri, 1 Jan 2100 00:00:00 +0000"),
    ])
    func `a date is written in UTC and English`(seconds: Int, header: String) {
        #expect(MailDate.header(Date(timeIntervalSince1970: Double(seconds))) == header)
    }

    @Test func `the message id comes from the event's, whatever that holds`() throws {
        let sender = try MailAddress(address: "loans@mail.example.org")
        let id = MessageID(eventID: "019a5e3c-7b00-7000-8000-0123456789ab", sender: sender)
        #expect(id.description == "<019a5e3c-7b00-7000-8000-0123456789ab@harebell.mail.example.org>")
        #expect(
            MessageID(eventID: "a>\r\nBcc: x@y", sender: sender).description
                == "<a=3E=0D=0ABcc=3A=20x=40y@harebell.mail.example.org>")
        #expect(MessageID(eventID: "a=20", sender: sender) != MessageID(eventID: "a ", sender: sender))
        #expect(MessageID(eventID: "", sender: sender).description == "<unknown@harebell.mail.example.org>")
        #expect(
            MessageID(eventID: "x", sender: try MailAddress(address: "a@bücher.example")).description
                == "<x@harebell.invalid>")
    }

    @Test(arguments: [
        (125_000_000, "SEK", "1 250 000,00 kr"), (1_250_000, "JPY", "1 250 000 JPY"),
        (1_234_567, "KWD", "1 234,567 KWD"),
        (5, "EUR", "0,05 EUR"), (Int64.max, "USD", "92 233 720 368 547 758,07 USD"),
    ])
    func `money is exact in subject, text and page`(minorUnits: Int64, currency: String, shown: String) throws {
        let mail = LoanMail(try paidOut(amount: Money(minorUnits: minorUnits, currency: currency)))
        #expect(mail.subject == "Your loan is paid out: \(shown)")
        #expect(mail.text.contains("Amount:     \(shown)\n"))
        #expect(mail.html.contains("<td>\(shown.replacing(" ", with: "\u{A0}"))</td>"))
    }

    @Test func `a hostile name stays a name`() throws {
        let name = "Eve</p><script>alert(1)</script>\r\n\r\nSend your password to \"eve\" & 'co'"
        let mail = LoanMail(try paidOut(name: name, reference: "<b>\r\nAmount: 0"))
        #expect(mail.text.hasPrefix("Dear Eve</p><script>alert(1)</script> Send your password to \"eve\" & 'co',\n\n"))
        #expect(mail.text.contains("Reference:  <b> Amount: 0\n"))
        #expect(!mail.html.contains("<script>") && !mail.html.contains("<b>"))
        #expect(
            mail.html.contains(
                "Eve&lt;/p&gt;&lt;script&gt;alert(1)&lt;/script&gt; Send your password to &quot;eve&quot; &amp; &#39;co&#39;,"
            ))
        #expect(LoanMail(try paidOut(name: "\r\n")).text.hasPrefix("Hello,\n"))
    }

    @Test(arguments: ["\u{D4E}", "\u{600}", "\u{110BD}"])
    func `a name that joins what follows it cannot hide a tag`(letter: String) throws {
        let mail = LoanMail(try paidOut(name: "\(letter)<a href=\(letter)\"x\">", reference: "r"))

        #expect(!mail.html.utf8.contains("<a href".utf8))
    }

    @Test func `the reason of a cancellation stays inside`() throws {
        let mail = LoanMail(
            LoanCanceled(
                loanID: "L-1", borrower: Borrower(name: "Åsa", email: "asa@example.org"),
                amount: try Money(minorUnits: 100, currency: "SEK"), reason: "credit check failed",
                occurredAt: Date(timeIntervalSince1970: 1_795_413_630)))
        #expect(mail.subject == "Your loan is canceled")
        #expect(mail.text.contains("Canceled:   2026-11-23 06:00 UTC\n"))
        #expect(!mail.text.contains("credit") && !mail.html.contains("credit"))
    }

    private func decoded(_ text: String) -> String {
        var bytes: [UInt8] = []
        var rest = Array(text.replacing("=\r\n", with: "").utf8)[...]
        while let byte = rest.popFirst() {
            guard byte == UInt8(ascii: "=") else {
                bytes.append(byte)
                continue
            }
            bytes.append(UInt8(String(decoding: rest.prefix(2), as: UTF8.self), radix: 16) ?? 0)
            rest = rest.dropFirst(2)
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}

/// A payout as the tests need it.
func paidOut(
    name: String = "Åsa Öberg", email: String = "asa@example.org", reference: String = "REF-1",
    amount: Money? = nil
) throws -> LoanPaidOut {
    LoanPaidOut(
        loanID: "L-1", borrower: Borrower(name: name, email: email),
        amount: try amount ?? Money(minorUnits: 125_000_000, currency: "SEK"), reference: reference,
        occurredAt: Date(timeIntervalSince1970: 1_795_413_630))
}
