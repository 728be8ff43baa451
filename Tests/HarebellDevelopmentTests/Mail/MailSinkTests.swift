import HarebellDevelopment
import TestSupport
import Testing

#if canImport(Darwin)
    import Darwin
#else
    import Glibc
#endif

@Suite struct MailSinkTests {
    private static let message = """
        From: Payouts <payouts@example.com>\r
        To: =?utf-8?Q?=C3=85sa?= <asa@example.com>\r
        Subject: =?utf-8?B?w4VzYQ==?=\r
        Message-ID: <1@example.com>\r
        \r
        ..dotted\r
        .\r

        """

    private static func deliver(_ port: Int, to recipient: String = "asa@example.com") async throws -> String {
        try await LineClient.converse(
            port: port,
            [
                "EHLO test\r\n", "MAIL FROM:<payouts@example.com>\r\n", "RCPT TO:<\(recipient)>\r\n", "DATA\r\n",
                message,
                "QUIT\r\n",
            ])
    }

    private func withSink(
        limits: MailSink.Limits = MailSink.Limits(), _ body: (MailSink) async throws -> Void
    ) async throws {
        try await withTemporaryDirectory { directory in
            var configuration = MailSink.Configuration(directory: directory + "/mail")
            configuration.limits = limits
            let sink = try await MailSink.start(configuration, logger: quietLogger)
            do {
                try await body(sink)
            } catch {
                await sink.stop()
                throw error
            }
            await sink.stop()
        }
    }

    @Test(.timeLimit(.minutes(1)))
    func `a message that was answered with 250 is a whole file and was announced`() async throws {
        try await withSink { sink in
            var announcements = sink.announcements().makeAsyncIterator()
            let transcript = try await Self.deliver(sink.port)
            #expect(transcript.contains("\r\n250 2.0.0 OK: kept as "))
            #expect(transcript.hasSuffix("221 2.0.0 Bye\r\n"))
            let mail = try #require(await announcements.next())
            #expect(mail.messageID == "<1@example.com>")
            #expect(mail.from == "Payouts <payouts@example.com>")
            #expect(mail.to == "Åsa <asa@example.com>")
            #expect(mail.subject == "Åsa")
            #expect(mail.recipients == ["asa@example.com"])
            #expect(sink.messages == [mail])
            let file = try #require(fopen(mail.path, "r"))
            defer { fclose(file) }
            var bytes = [UInt8](repeating: 0, count: 1000)
            let count = fread(&bytes, 1, 1000, file)
            let text = String(decoding: bytes.prefix(count), as: UTF8.self)
            #expect(text == Self.message.replacing("\r\n..dotted\r\n.\r\n", with: "\r\n.dotted\r\n"))
            #expect(text.utf8.count == mail.size)
        }
    }

    @Test(.timeLimit(.minutes(1)))
    func `fifty clients at once lose nothing and overwrite nothing`() async throws {
        try await withSink { sink in
            try await withThrowingTaskGroup(of: Void.self) { group in
                for index in 0..<50 {
                    group.addTask { _ = try await Self.deliver(sink.port, to: "client\(index)@example.com") }
                }
                try await group.waitForAll()
            }
            #expect(sink.messages.count == 50)
            #expect(Set(sink.messages.map(\.path)).count == 50)
            #expect(Set(sink.messages.flatMap(\.recipients)).count == 50)
            for mail in sink.messages { #expect(access(mail.path, R_OK) == 0) }
        }
    }

    @Test(.timeLimit(.minutes(1)))
    func `rules refuse recipients until they are lifted`() async throws {
        try await withSink { sink in
            sink.refuse(recipients: "*@full.example", code: 452, text: "Mailbox full")
            sink.refuse(recipients: "nobody@*", code: 550, text: "No such user")
            #expect(try await Self.deliver(sink.port, to: "a@full.example").contains("452 4.7.1 Mailbox full\r\n"))
            #expect(try await Self.deliver(sink.port, to: "nobody@b.example").contains("550 5.7.1 No such user\r\n"))
            #expect(sink.messages.isEmpty)
            sink.acceptAllRecipients()
            _ = try await Self.deliver(sink.port, to: "a@full.example")
            #expect(sink.messages.count == 1)
        }
    }

    @Test(.timeLimit(.minutes(1)))
    func `hostile clients are told and closed while others are served`() async throws {
        try await withSink { sink in
            let flood = try await LineClient.converse(port: sink.port, [String(repeating: "A", count: 100_000)])
            #expect(flood.contains("500 5.5.2 Line too long\r\n"))
            let tls = try await LineClient.converse(port: sink.port, ["\u{16}\u{3}\u{1}\u{2}\0\u{1}\n"])
            #expect(tls.contains("500 5.5.2 Not UTF-8 text\r\n"))
            #expect(try await Self.deliver(sink.port).contains("kept as"))
        }
        var limits = MailSink.Limits()
        limits.idle = .milliseconds(200)
        try await withSink(limits: limits) { sink in
            // Says nothing more: the sink ends it.
            let idle = try await LineClient.converse(port: sink.port, ["EHLO x"])
            #expect(idle.hasSuffix("421 4.4.2 Idle for too long\r\n"))
        }
    }

    @Test(.timeLimit(.minutes(1)))
    func `a stopped sink has closed its port, its connections and its announcements`() async throws {
        try await withTemporaryDirectory { directory in
            let sink = try await MailSink.start(.init(directory: directory), logger: quietLogger)
            let announcements = sink.announcements()
            async let open = LineClient.converse(port: sink.port, ["EHLO x"])
            await sink.stop()
            _ = try? await open
            for await _ in announcements { Issue.record("nothing was sent") }
            await #expect(throws: (any Error).self) { try await Self.deliver(sink.port) }
            let again = try await MailSink.start(.init(directory: directory, port: sink.port), logger: quietLogger)
            #expect(again.port == sink.port)
            await again.stop()
        }
    }
}
