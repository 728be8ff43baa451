import NIOSSL
import TestSupport
import Testing

@testable import Curl

@Suite(.timeLimit(.minutes(1))) struct `Mail` {
    @Test func `a mail is handed over as it is, dots doubled`() async throws {
        try await withMailServer { port, log in
            let client = try CurlClient()
            let message = "Subject: hello\r\n\r\nfirst\r\n.\r\n..two\r\nlast\r\n"
            let receipt = try await client.submit(try mail(port, message: message))

            #expect(receipt.status == 250)
            #expect(receipt.reply == "250 2.0.0 queued as 4711")
            #expect(log.message == ["Subject: hello", "", "first", "..", "...two", "last"])
            #expect(log.commands.contains("MAIL FROM:<sender@example.org>"))
            #expect(log.commands.contains("RCPT TO:<astrid@example.org>"))
            #expect(client.openHandleCount == 0)
            await client.shutdown()
            try await eventually("a polite farewell") { log.commands.last == "QUIT" }
        }
    }

    @Test func `many mails share connections and do not mix`() async throws {
        let log = SMTPLog()
        try await LoopbackServer.run {
            SMTPScript(log: log)
        } body: { server in
            let client = try CurlClient()
            for number in 0..<5 {
                _ = try await client.submit(try mail(server.port, message: "Subject: \(number)\r\n\r\nx\r\n"))
            }
            #expect(server.accepted == 1)
            #expect(log.message.filter { $0.hasPrefix("Subject") } == (0..<5).map { "Subject: \($0)" })
        }
    }

    @Test func `the size is announced and SMTPUTF8 used for a name outside ASCII`() async throws {
        try await withMailServer(capabilities: ["SIZE 1000000", "8BITMIME", "SMTPUTF8"]) { port, log in
            _ = try await CurlClient().submit(
                try mail(port, to: "åsa@example.org", message: "Subject: x\r\n\r\nx\r\n"))
            #expect(log.commands.contains { $0.hasPrefix("MAIL FROM:<sender@example.org>") && $0.contains("SIZE=") })
            #expect(log.commands.contains { $0.hasPrefix("MAIL FROM") && $0.hasSuffix("SMTPUTF8") })
            #expect(log.commands.contains("RCPT TO:<åsa@example.org>"))
        }
    }

    @Test(arguments: [
        ("MAIL", "550 5.7.1 sender refused", 550, false), ("RCPT", "550 5.1.1 no such user", 550, false),
        ("RCPT", "451 4.7.1 try later", 451, true), ("DATA", "554 5.5.1 no", 554, false),
        ("MESSAGE", "552 5.3.4 too big", 552, false), ("MESSAGE", "451 4.3.0 disk full", 451, true),
        ("MESSAGE", "550 5.7.1 spam", 550, false), ("MAIL", "452 4.2.2 mailbox full", 452, true),
    ])
    func `a refused mail says why and whether to try again`(
        verb: String, reply: String, status: Int, isRetriable: Bool
    ) async throws {
        try await withMailServer(replies: [verb: reply]) { port, _ in
            let client = try CurlClient()
            let error = await expectError(.mailRefused) { try await client.submit(try mail(port)) }
            #expect(error?.status == status)
            #expect(error?.message == reply)
            #expect(error?.isRetriable == isRetriable)
        }
    }

    @Test(arguments: [
        ("CONNECT", "554 5.3.2 no service here"), ("CONNECT", "421 4.3.2 closing"), ("MAIL", "421 4.3.2 closing"),
    ])
    func `a server that turns everybody away is no fault of the mail`(verb: String, reply: String) async throws {
        try await withMailServer(replies: [verb: reply]) { port, _ in
            let client = try CurlClient()
            let error = await expectError(.connectionFailed) { try await client.submit(try mail(port)) }
            #expect(error?.status == Int(reply.prefix(3)))
            #expect(error?.isRetriable == true)
        }
    }

    @Test func `a silent server is left after the timeout`() async throws {
        for verb in ["CONNECT", "EHLO", "RCPT", "MESSAGE"] {
            try await withMailServer(replies: [verb: nil]) { port, _ in
                let client = try CurlClient()
                var mail = try mail(port)
                mail.timeout = .milliseconds(250)
                let error = await expectError(.timedOut) { try await client.submit(mail) }
                #expect(error?.isRetriable == true)
                // Only one that was given the whole mail may have sent it.
                #expect(error?.isUnresolved == (verb == "MESSAGE"))
                #expect(client.openHandleCount == 0)
            }
        }
    }

    @Test(arguments: [
        "", "astrid", "@example.org", "astrid@", "a b@example.org", "a@example.org\r\nRCPT TO:<eve@example.org>",
        "a@example.org>\nDATA", "<a@example.org>", "a@example.org,b@example.org", "a\u{0}@example.org",
        "\"a\"@example.org", "a@[127.0.0.1]", String(repeating: "a", count: 400) + "@example.org",
    ])
    func `an address that is more than an address is refused`(address: String) async throws {
        try await withMailServer { port, log in
            let client = try CurlClient()
            let recipient = await expectError(.invalidRequest) { try await client.submit(try mail(port, to: address)) }
            #expect(recipient?.isRetriable == false)
            await expectError(.invalidRequest) { try await client.submit(try mail(port, from: address)) }
            #expect(log.commands.isEmpty)
        }
    }

    @Test func `a mail without recipient is refused`() async throws {
        let client = try CurlClient()
        var mail = try mail(9)
        mail.recipients = []
        await expectError(.invalidRequest) { try await client.submit(mail) }
    }
}

@Suite(.timeLimit(.minutes(1))) struct `Mail that is encrypted` {
    @Test func `STARTTLS comes before the login and before the mail`() async throws {
        let certificates = try await TestCertificates.shared()
        try await withMailServer(tls: certificates.server, capabilities: ["STARTTLS", "AUTH PLAIN"]) { port, log in
            let client = try client(certificates)
            var mail = try mail(port, host: "localhost", startTLS: .required)
            mail.relay.credentials = Credentials(username: "user", password: "S3cr3t-CANARY")
            _ = try await client.submit(mail)
            let verbs = log.commands.map { $0.split(separator: " ").first ?? "" }
            #expect(verbs.prefix(4) == ["EHLO", "STARTTLS", "EHLO", "AUTH"])
            // base64 of NUL user NUL password (RFC 4616).
            #expect(log.commands.joined(separator: " ").contains("AHVzZXIAUzNjcjN0LUNBTkFSWQ=="))
            #expect(!log.message.isEmpty)
        }
    }

    @Test func `a required STARTTLS that is not offered sends nothing`() async throws {
        try await withMailServer { port, log in
            let client = try CurlClient()
            let error = await expectError(.tlsFailed) { try await client.submit(try mail(port, startTLS: .required)) }
            #expect(error?.isRetriable == true)
            #expect(!log.commands.contains { $0.hasPrefix("MAIL") })
            _ = try await client.submit(try mail(port, startTLS: .opportunistic))
            #expect(!log.message.isEmpty)
        }
    }

    @Test func `a certificate that is not trusted ends it, also when encryption was only wished for`() async throws {
        let certificates = try await TestCertificates.shared()
        try await withMailServer(tls: certificates.server, capabilities: ["STARTTLS"]) { port, log in
            let client = try CurlClient(
                configuration: CurlConfiguration(certificateAuthorityFile: certificates.otherAuthorityFile))
            for startTLS in [MailRelay.StartTLS.required, .opportunistic] {
                await expectError(.tlsFailed) {
                    try await client.submit(try mail(port, host: "localhost", startTLS: startTLS))
                }
            }
            #expect(!log.commands.contains { $0.hasPrefix("MAIL") })
        }
    }

    @Test func `smtps is encrypted from the first byte`() async throws {
        let certificates = try await TestCertificates.shared()
        try await withMailServer(tls: certificates.server, encrypted: true) { port, log in
            let relay = MailRelay(url: try ServerURL("smtps://localhost:\(port)"))
            let mail = MailSubmission(
                relay: relay, sender: "sender@example.org", recipients: ["astrid@example.org"],
                message: Array("Subject: x\r\n\r\nx\r\n".utf8))
            let receipt = try await client(certificates).submit(mail)
            #expect(receipt.status == 250)
            #expect(!log.message.isEmpty)
        }
    }

    @Test func `a refused login is the set-up's fault and shows no password`() async throws {
        let certificates = try await TestCertificates.shared()
        let echo = "535 5.7.8 bad: AHVzZXIAUzNjcjN0LUNBTkFSWQ== S3cr3t-CANARY"
        try await withMailServer(
            tls: certificates.server, capabilities: ["STARTTLS", "AUTH PLAIN LOGIN"],
            replies: ["AUTH": echo, "SECRET": echo]
        ) { port, log in
            var mail = try mail(port, host: "localhost", startTLS: .required)
            mail.relay.credentials = Credentials(username: "user", password: "S3cr3t-CANARY")
            let error = await expectError(.loginRefused) { try await client(certificates).submit(mail) }
            #expect(error?.isRetriable == true)
            #expect(error.map { "\($0)".contains("CANARY") || "\($0)".contains("UzNjcjN0") } == false)
            #expect(!log.commands.contains { $0.hasPrefix("MAIL") })
        }
    }

    @Test func `a password is not sent to another machine in the clear`() throws {
        let credentials = Credentials(username: "user", password: "secret")
        let outside = try ServerURL("smtp://mail.example.org:587")
        let inside = try ServerURL("smtp://127.0.0.1:2525")
        #expect(MailRelay(url: outside, startTLS: .required, credentials: credentials).problem == nil)
        #expect(MailRelay(url: outside, startTLS: .opportunistic, credentials: credentials).problem != nil)
        #expect(MailRelay(url: outside, startTLS: .none, credentials: credentials).problem != nil)
        #expect(MailRelay(url: outside, startTLS: .none).problem == nil)
        #expect(MailRelay(url: inside, startTLS: .none, credentials: credentials).problem == nil)
        #expect(
            MailRelay(url: try ServerURL("smtps://mail.example.org"), startTLS: .none, credentials: credentials).problem
                == nil)
        #expect(MailRelay(url: try ServerURL("https://mail.example.org")).problem != nil)
        #expect(MailRelay(url: try ServerURL("smtp://mail.example.org/helo")).problem != nil)
    }

    private func client(_ certificates: TestCertificates) throws -> CurlClient {
        try CurlClient(configuration: CurlConfiguration(certificateAuthorityFile: certificates.authorityFile))
    }
}

private func mail(
    _ port: Int, host: String = "127.0.0.1", startTLS: MailRelay.StartTLS = .none, from: String = "sender@example.org",
    to: String = "astrid@example.org", message: String = "Subject: x\r\n\r\nx\r\n"
) throws -> MailSubmission {
    MailSubmission(
        relay: MailRelay(url: try ServerURL("smtp://\(host):\(port)"), startTLS: startTLS), sender: from,
        recipients: [to], message: Array(message.utf8))
}

private func withMailServer(
    tls: NIOSSLContext? = nil, encrypted: Bool = false, capabilities: [String] = [],
    replies: [String: String?] = [:], body: (Int, SMTPLog) async throws -> Void
) async throws {
    let log = SMTPLog()
    try await LoopbackServer.run(tls: tls, encrypted: encrypted) {
        SMTPScript(log: log, capabilities: capabilities, replies: replies)
    } body: { server in
        try await body(server.port, log)
    }
}
