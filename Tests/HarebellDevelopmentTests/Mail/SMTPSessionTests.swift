import Testing

@testable import HarebellDevelopment

/// Conversations without I/O: what the client says, and what the server answers.
@Suite struct SMTPSessionTests {
    /// Feeds bytes and returns the codes of the replies; keeps messages like the sink does.
    private struct Conversation {
        var session: SMTPSession
        var kept: [SMTPEnvelope] = []
        var isClosed = false
        var texts: [String] = []

        init(_ options: SMTPSession.Options = SMTPSession.Options(), limits: MailSink.Limits = MailSink.Limits()) {
            session = SMTPSession(limits: limits, options: options)
        }

        mutating func say(_ text: String) -> [Int] { say(bytes: Array(text.utf8)) }

        mutating func say(bytes: [UInt8]) -> [Int] {
            var codes: [Int] = []
            var actions = session.receive(bytes)[...]
            while let action = actions.popFirst() {
                switch action {
                case .reply(let reply):
                    codes.append(reply.code)
                    texts.append(reply.wire)
                case .store(let envelope):
                    kept.append(envelope)
                    actions += session.stored(SMTPReply(250, "2.0.0 OK"))
                case .startTLS: session.secured()
                case .close: isClosed = true
                }
            }
            return codes
        }
    }

    private static let start = "EHLO client\r\nMAIL FROM:<a@example.com>\r\nRCPT TO:<b@example.com>\r\nDATA\r\n"

    @Test func `a whole conversation in one packet keeps two messages in order`() {
        var talk = Conversation()
        let codes = talk.say(
            Self.start + "Subject: one\r\n\r\n1\r\n.\r\nMAIL FROM:<>\r\nRCPT TO:<c@example.com>\r\nDATA\r\n"
                + "Subject: two\r\n\r\n2\r\n.\r\nQUIT\r\n")
        #expect(codes == [250, 250, 250, 354, 250, 250, 250, 354, 250, 221])
        #expect(talk.isClosed)
        #expect(talk.kept.map(\.sender) == ["a@example.com", ""])
        #expect(talk.kept.map(\.recipients) == [["b@example.com"], ["c@example.com"]])
        #expect(talk.kept.map { String(decoding: $0.content, as: UTF8.self) }[1] == "Subject: two\r\n\r\n2\r\n")
    }

    @Test func `the same conversation byte by byte keeps the same message`() {
        let text = Self.start + "Subject: one\r\n\r\n..leading dot\r\n.\r\r\n..\r\n.\r\nQUIT\r\n"
        var (whole, single) = (Conversation(), Conversation())
        let codes = whole.say(text)
        #expect(text.utf8.flatMap { single.say(bytes: [$0]) } == codes)
        #expect(whole.kept == single.kept)
        let content = whole.kept.map { String(decoding: $0.content, as: UTF8.self) }
        #expect(content == ["Subject: one\r\n\r\n.leading dot\r\n\r\r\n.\r\n"])
    }

    @Test func `EHLO names the extensions that are on and nothing else`() {
        var plain = Conversation()
        #expect(plain.say("EHLO x\r\n") == [250])
        #expect(plain.texts[0].contains("250-SIZE 26214400\r\n"))
        for keyword in ["PIPELINING", "8BITMIME", "SMTPUTF8"] { #expect(plain.texts[0].contains(keyword)) }
        for keyword in ["STARTTLS", "AUTH"] { #expect(!plain.texts[0].contains(keyword)) }
        var hello = Conversation()
        #expect(hello.say("HELO x\r\n") == [250])
        #expect(!hello.texts[0].contains("SIZE"))
    }

    @Test(arguments: [
        ("MAIL FROM:<a@b.c>\r\n", [503]), ("EHLO x\r\nRCPT TO:<a@b.c>\r\n", [250, 503]),
        ("EHLO x\r\nDATA\r\n", [250, 503]), ("EHLO x\r\nMAIL FROM:<a@b.c>\r\nDATA\r\n", [250, 250, 554]),
        ("EHLO x\r\nMAIL FROM:<a@b.c>\r\nMAIL FROM:<a@b.c>\r\n", [250, 250, 503]),
        ("EHLO x\r\nMAIL FROM:<a@b.c>\r\nRSET\r\nRCPT TO:<a@b.c>\r\n", [250, 250, 250, 503]),
        ("EHLO\r\n", [501]), ("EHLO x\r\nMAIL FROM:a@b.c\r\n", [250, 501]),
        ("EHLO x\r\nMAIL FROM:<a@b c>\r\n", [250, 501]), ("EHLO x\r\nMAIL FROM:<a\u{1}@b.c>\r\n", [250, 501]),
        ("EHLO x\r\nMAIL FROM:<a@b.c>SIZE=1\r\n", [250, 501]), ("EHLO x\r\nMAIL FROM:<a@b.c> X=1\r\n", [250, 555]),
        ("EHLO x\r\nMAIL FROM:<a@b.c> SIZE=99999999999\r\n", [250, 552]),
        ("EHLO x\r\nMAIL FROM:<a@b.c> SIZE=-1\r\n", [250, 501]),
        ("EHLO x\r\nMAIL FROM:<å@b.c>\r\n", [250, 553]), ("EHLO x\r\nMAIL FROM:<å@b.c> SMTPUTF8\r\n", [250, 250]),
        ("EHLO x\r\nMAIL FROM:<a@b.c> BODY=8BITMIME SIZE=10\r\n", [250, 250]),
        ("EHLO x\r\nMAIL FROM:<@r,@s:a@b.c>\r\n", [250, 250]), ("EHLO x\r\nMAIL FROM:<\"a>b\"@c.d>\r\n", [250, 250]),
        ("EHLO x\r\nMAIL FROM:<a@b.c>\r\nRCPT TO:<>\r\n", [250, 250, 501]),
        ("NOOP\r\nHELP\r\nVRFY x\r\nEXPN x\r\nGET / HTTP/1.1\r\n", [250, 214, 252, 500, 500]),
        ("STARTTLS\r\nAUTH PLAIN AAAA\r\n", [502, 503]), ("EHLO x\u{0}\r\n", [500]),
    ])
    func `each command is answered by its code`(text: String, codes: [Int]) {
        var talk = Conversation()
        #expect(talk.say(text) == codes)
        #expect(!talk.isClosed)
    }

    @Test func `a recipient that a rule refuses is left out and the others are kept`() {
        var options = SMTPSession.Options()
        let rule = RecipientRule(pattern: "*@bad.example", reply: SMTPReply(450, "4.7.1 Later"))
        options.refusal = { rule.matches($0) ? rule.reply : nil }
        var talk = Conversation(options)
        let codes = talk.say(
            "EHLO x\r\nMAIL FROM:<a@b.c>\r\nRCPT TO:<x@BAD.example>\r\nRCPT TO:<y@good.example>\r\nDATA\r\nx\r\n.\r\n")
        #expect(codes == [250, 250, 450, 250, 354, 250])
        #expect(talk.kept.map(\.recipients) == [["y@good.example"]])
    }

    @Test(arguments: [
        ("a\nb\r\n.\r\n", [550]), ("a\n.\n\r\n.\r\n", [550]), (String(repeating: "x", count: 999) + "\r\n.\r\n", [554]),
        (String(repeating: "x", count: 998) + "\r\n.\r\n", [250]),
        (String(repeating: "123456789\r\n", count: 20) + ".\r\n", [552]),
    ])
    func `a message that breaks a rule is read to its end and refused`(body: String, codes: [Int]) {
        var limits = MailSink.Limits()
        limits.messageSize = body.hasPrefix("1") ? 100 : 10_000
        for chunk in [1, 7, 100_000] {
            var talk = Conversation(limits: limits)
            _ = talk.say(Self.start)
            var rest = Array(body.utf8)[...]
            var answers: [Int] = []
            while !rest.isEmpty {
                answers += talk.say(bytes: Array(rest.prefix(chunk)))
                rest = rest.dropFirst(chunk)
            }
            #expect(answers == codes)
            #expect(talk.say("NOOP\r\n") == [250])
        }
    }

    @Test func `an endless command, an endless message and endless errors close the connection`() {
        var command = Conversation()
        #expect(command.say(String(repeating: "A", count: 5000)) == [500])
        #expect(command.isClosed)
        #expect(command.say("NOOP\r\n") == [])

        var limits = MailSink.Limits()
        limits.messageSize = 1000
        var message = Conversation(limits: limits)
        _ = message.say(Self.start)
        var codes: [Int] = []
        for _ in 0..<200 where !message.isClosed { codes += message.say(String(repeating: "y", count: 1000)) }
        #expect(codes == [552])
        #expect(message.isClosed)

        var errors = Conversation()
        let answers = errors.say(String(repeating: "NONSENSE\r\n", count: 100))
        #expect(answers.count == 21)
        #expect(answers.last == 421)
        #expect(errors.isClosed)
    }

    @Test func `random bytes never crash the session and never keep a message`() {
        var generator = SystemRandomNumberGenerator()
        for _ in 0..<200 {
            var talk = Conversation()
            for _ in 0..<20 where !talk.isClosed {
                _ = talk.say(bytes: (0..<200).map { _ in UInt8.random(in: 0...255, using: &generator) })
            }
            #expect(talk.kept.isEmpty)
        }
    }

    @Test(arguments: [
        ("AUTH PLAIN AHVzZXIAc2VjcmV0\r\n", [235]), ("AUTH PLAIN\r\nAHVzZXIAc2VjcmV0\r\n", [334, 235]),
        ("AUTH LOGIN\r\ndXNlcg==\r\nc2VjcmV0\r\n", [334, 334, 235]),
        ("AUTH LOGIN dXNlcg==\r\nd3Jvbmc=\r\n", [334, 535]),
        ("AUTH PLAIN AHVzZXIAd3Jvbmc=\r\n", [535]), ("AUTH PLAIN !!!\r\n", [501]), ("AUTH PLAIN\r\n*\r\n", [334, 501]),
        ("AUTH CRAM-MD5\r\n", [504]),
    ])
    func `AUTH PLAIN and LOGIN accept the right password only`(text: String, codes: [Int]) {
        var options = SMTPSession.Options()
        options.credentials = MailSink.Credentials(user: "user", password: "secret")
        var talk = Conversation(options)
        #expect(talk.say("EHLO x\r\nMAIL FROM:<a@b.c>\r\n") == [250, 530])
        #expect(talk.say(text) == codes)
        #expect(talk.say("MAIL FROM:<a@b.c>\r\n") == [codes.last == 235 ? 250 : 530])
    }

    @Test func `STARTTLS forgets what was said in the clear`() {
        var options = SMTPSession.Options()
        options.offersTLS = true
        options.requiresTLS = true
        var talk = Conversation(options)
        #expect(talk.say("EHLO x\r\nMAIL FROM:<a@b.c>\r\n") == [250, 530])
        #expect(talk.say("STARTTLS\r\nMAIL FROM:<injected@b.c>\r\n") == [220])
        #expect(talk.say("MAIL FROM:<a@b.c>\r\nEHLO x\r\nMAIL FROM:<a@b.c>\r\nSTARTTLS\r\n") == [503, 250, 250, 502])
    }
}
