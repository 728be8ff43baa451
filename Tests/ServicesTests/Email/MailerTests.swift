import Harebell
import HarebellDevelopment
import HarebellTesting
import LoanEvents
import Logging
import TestSupport
import Testing

@testable import Curl
@testable import EmailWorker

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

@Suite(.timeLimit(.minutes(1))) struct `Sending mail` {
    @Test func `a payout becomes a mail that a mail program reads`() async throws {
        try await withMailSink { sink, mailer in
            let event = try paidOut(name: "Åsa Öberg\r\nBcc: eve@example.org")
            let context = try context(for: event, id: "0199-event")
            try await SendPayoutMail(mailer: mailer).handle(event, context: context)

            let mail = try #require(sink.messages.first)
            #expect(sink.messages.count == 1)
            #expect(mail.recipients == ["asa@example.org"])
            #expect(mail.envelopeSender == "loans@example.org")
            #expect(mail.from == "Harebell Loans <loans@example.org>")
            #expect(mail.to == "Åsa Öberg Bcc: eve@example.org <asa@example.org>")
            #expect(mail.subject == "Your loan is paid out: 1 250 000,00 kr")
            #expect(mail.messageID == "<0199-event@harebell.example.org>")
            #expect(mail.headers["X-Correlation-ID"] == "corr-1")
            #expect(mail.headers["Bcc"] == nil)
            // Neither the sink's own trace fields nor ours twice.
            #expect(mail.headers.fields.filter { $0.name == "Subject" || $0.name == "Message-ID" }.count == 2)
        }
    }

    @Test func `the same event is the same message however often it is handled`() async throws {
        try await withMailSink { sink, mailer in
            let event = try paidOut()
            let context = try context(for: event)
            for _ in 0..<2 { try await SendPayoutMail(mailer: mailer).handle(event, context: context) }
            #expect(sink.messages.count == 2)
            #expect(Set(sink.messages.map(\.messageID)).count == 1)
        }
    }

    @Test func `a refusal for good is permanent, one for now is not`() async throws {
        try await withMailSink { sink, mailer in
            sink.refuse(recipients: "gone@*", code: 550)
            sink.refuse(recipients: "busy@*", code: 451)
            let gone = await failure(try paidOut(email: "gone@example.org"), mailer)
            #expect(classification(gone) == .permanent)
            #expect("\(gone as Any)".contains("550"))
            let busy = await failure(try paidOut(email: "busy@example.org"), mailer)
            #expect(classification(busy) == .transient(retryAfter: nil))
            #expect(sink.messages.isEmpty)
        }
    }

    @Test(arguments: ["", "nobody", "a@example.org\r\nRCPT TO:<eve@example.org>", "a@example.org, b@example.org"])
    func `an address that is none is permanent and never repeated`(email: String) async throws {
        try await withMailSink { sink, mailer in
            let failure = await failure(try paidOut(email: email), mailer)
            #expect(classification(failure) == .permanent)
            #expect(!"\(failure as Any)".contains("eve@"))
            #expect(sink.messages.isEmpty)
        }
    }

    @Test func `a mail that may be on its way is not sent again at once`() {
        var error = CurlError(.timedOut, "no answer")
        #expect(FailureClassification(Mailer.failure(error)) == .transient(retryAfter: nil))
        error.isUnresolved = true
        #expect(FailureClassification(Mailer.failure(error)) == .transient(retryAfter: .seconds(600)))
    }

    @Test func `a server that is down is waited for`() async throws {
        let mailer = try await withMailSink { _, mailer in mailer }
        let failure = await failure(try paidOut(), mailer)
        #expect(classification(failure) == .transient(retryAfter: nil))
    }

    @Test func `a cancelled handler ends as cancelled, not as failed`() async throws {
        try await withMailSink { sink, mailer in
            let event = try paidOut()
            let sending = Task {
                while !Task.isCancelled { await Task.yield() }
                return await failure(event, mailer)
            }
            sending.cancel()
            #expect(await sending.value is CancellationError)
            #expect(sink.messages.isEmpty)
        }
    }

    @Test func `a worker sends payouts and cancellations, and keeps what cannot be sent`() async throws {
        try await withMailSink { sink, mailer in
            sink.refuse(recipients: "gone@*", code: 550)
            let harness = harness(mailer)
            let canceled = LoanCanceled(
                loanID: "L-2", borrower: Borrower(name: "Olle", email: "olle@example.org"),
                amount: try Money(minorUnits: 1, currency: "EUR"), reason: "", occurredAt: Date())
            let (sound, gone) = (try paidOut(), try paidOut(email: "gone@example.org"))
            try await harness.running {
                try await harness.publish(sound, from: "payout")
                try await harness.publish(gone, from: "payout")
                try await harness.publish(canceled, from: "payout")
                try await harness.settle()
            }
            #expect(Set(sink.messages.flatMap(\.recipients)) == ["asa@example.org", "olle@example.org"])
            #expect(try harness.handled(LoanCanceled.self, by: EmailWorker.service).map(\.loanID) == ["L-2"])
            let letters = harness.deadLettered(LoanPaidOut.self, by: EmailWorker.service)
            #expect(letters.map(\.reason) == [.permanent])
            #expect(letters.first?.record.errorMessage.contains("550") == true)
        }
    }

    @Test func `a mail server that is busy for an hour gets every mail in the end, and nobody else's is held up`()
        async throws
    {
        try await withMailSink { sink, mailer in
            sink.refuse(recipients: "busy@*", code: 451)
            let harness = harness(mailer)
            let (busy, sound) = (try paidOut(email: "busy@example.org"), try paidOut())
            try await harness.running {
                let id = try await harness.publish(busy, from: "payout")
                try await harness.publish(sound, from: "payout")
                try await harness.settle()
                #expect(sink.messages.flatMap(\.recipients) == ["asa@example.org"])
                #expect(harness.waitingForRetry(of: EmailWorker.service) == 1)
                try await harness.advance(by: .seconds(1_800))
                #expect(harness.retried(by: EmailWorker.service).count == 6)
                sink.acceptAllRecipients()
                try await harness.settleRetries()
                #expect(sink.messages.flatMap(\.recipients) == ["asa@example.org", "busy@example.org"])
                #expect(sink.messages.last?.messageID == "<\(id)@harebell.example.org>")
                #expect(harness.deadLetters(of: EmailWorker.service).isEmpty)
            }
        }
    }

    // MARK: Fixtures

    private let quiet = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }

    private func harness(_ mailer: Mailer) -> TestHarness {
        let harness = TestHarness()
        harness.service(EmailWorker.service) {
            SendPayoutMail(mailer: mailer)
            SendCancellationMail(mailer: mailer)
        }
        return harness
    }

    private func withMailSink<Result>(_ body: (MailSink, Mailer) async throws -> Result) async throws -> Result {
        let directory = try TemporaryDirectory.make(prefix: "harebell-mail")
        defer { TemporaryDirectory.remove(directory) }
        let sink = try await MailSink.start(.init(directory: directory), logger: quiet)
        let client = try CurlClient()
        let settings = EmailSettings(
            relay: MailRelay(url: try ServerURL(sink.url), startTLS: .none),
            sender: try MailAddress(name: "Harebell Loans", address: "loans@example.org"))
        do {
            let result = try await body(sink, Mailer(client: client, settings: settings))
            await sink.stop()
            return result
        } catch {
            await sink.stop()
            throw error
        }
    }

    private func context(for event: some Event, id: String = "0199-x") throws -> HandlerContext {
        .detached(
            try Envelope(event, producer: "payout", id: EventID(id), correlationID: "corr-1"),
            service: EmailWorker.service, logger: quiet)
    }

    private func failure(_ event: LoanPaidOut, _ mailer: Mailer) async -> (any Error)? {
        do {
            try await SendPayoutMail(mailer: mailer).handle(event, context: try context(for: event))
            return nil
        } catch {
            return error
        }
    }

    private func classification(_ error: (any Error)?) -> FailureClassification? {
        error.map { FailureClassification($0) }
    }
}
