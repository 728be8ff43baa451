import Harebell
import HarebellTesting
import Logging
import Testing

/// The code of the articles, compiled and run.
@Suite(.timeLimit(.minutes(1))) struct DocumentationTests {
    struct LoanPaidOut: Event {
        static let eventType: EventType = "loan.paid-out"
        var loanID: String
        var minorUnits: Int64
        var currency: String
        var partitionKey: String? { loanID }
        var subject: String? { loanID }
    }

    struct LoanCanceled: Event {
        static let eventType: EventType = "loan.canceled"
        var loanID: String
    }

    struct ReceiptSent: Event {
        static let eventType: EventType = "receipt.sent"
        var loanID: String
    }

    struct Mailer: Sendable {
        var isBroken = false
        func send(_ text: String, messageID: String) async throws {
            if isBroken { throw TransientError("mail server refused") }
        }
    }

    struct SendReceipt: Handler {
        let mailer: Mailer

        func handle(_ loan: LoanPaidOut, context: HandlerContext) async throws {
            try await mailer.send("paid out: \(loan.minorUnits)", messageID: context.idempotencyKey)
            try context.publish(ReceiptSent(loanID: loan.loanID))
        }
    }

    struct Book: Sendable {
        /// Refuses what is above a million, and says which and why.
        func insert(_ loans: [LoanPaidOut], keys: [String]) async throws -> [(Int, String)] {
            loans.enumerated().filter { $0.element.minorUnits > 100_000_000 }.map { ($0.offset, "too much") }
        }
    }

    struct BookPayouts: BatchHandler {
        let book: Book

        func handle(_ batch: EventBatch<LoanPaidOut>) async throws {
            let refused = try await book.insert(batch.events, keys: batch.map(\.context.idempotencyKey))
            for (index, reason) in refused { batch[index].fail(PermanentError(reason)) }
        }
    }

    private let loan = LoanPaidOut(loanID: "L1", minorUnits: 125_000_000, currency: "SEK")

    @Test func `the worker of the article works`() async throws {
        let transport = InMemoryTransport()
        let worker = Worker(service: "email", transport: transport, logger: quiet) {
            SendReceipt(mailer: Mailer())
            Subscription(to: LoanCanceled.self, retry: RetryPolicy.none, timeout: .seconds(5)) { loan, context in
                context.logger.info("nothing to send")
            }
        }
        try await worker.running {
            try await transport.waitForConsumer(of: "email")
            try await transport.publish(Envelope(loan, producer: "payout"))
            try await transport.publish(Envelope(LoanCanceled(loanID: "L1"), producer: "payout"))
            try await transport.waitUntilSettled("email")
        }
        #expect(try transport.published(ReceiptSent.self).map(\.loanID) == ["L1"])
    }

    @Test func `the batches of the article work`() async throws {
        let transport = InMemoryTransport()
        let book = Book()
        let configuration = WorkerConfiguration(prefetch: 200)
        let worker = Worker(service: "book", transport: transport, configuration: configuration, logger: quiet) {
            Subscription(BookPayouts(book: book), upTo: 100, within: .milliseconds(500))
        }
        try await worker.running {
            try await transport.waitForConsumer(of: "book")
            for number in 0..<100 {
                let loan = LoanPaidOut(loanID: "L\(number)", minorUnits: number == 7 ? .max : 1, currency: "SEK")
                try await transport.publish(Envelope(loan, producer: "payout"))
            }
            try await transport.waitUntilSettled("book")
        }
        #expect(transport.deadLetters(of: "book").map(\.record.errorMessage) == ["too much"])
    }

    @Test func `the test of the article works`() async throws {
        let transport = InMemoryTransport()
        let configuration = WorkerConfiguration(clock: transport.clock.workerClock)
        let worker = Worker(service: "email", transport: transport, configuration: configuration, logger: quiet) {
            SendReceipt(mailer: Mailer(isBroken: true))
        }
        try await worker.running {
            try await transport.waitForConsumer(of: "email")
            try await transport.publish(Envelope(loan, producer: "payout"))
            try await transport.drain("email")
        }
        #expect(transport.deadLetters(of: "email").map(\.reason) == [.exhausted])
    }

    @Test func `the harness of the article works`() async throws {
        let harness = TestHarness()
        harness.service("email") { SendReceipt(mailer: Mailer(isBroken: true)) }
        try await harness.running {
            try await harness.publish(loan, from: "payout")
            try await harness.settle()
            #expect(harness.retried(by: "email").map(\.delay) == [.seconds(1)])
            try await harness.advance(by: .seconds(3_600 * 2))
            #expect(harness.deadLettered(LoanPaidOut.self, by: "email").map(\.reason) == [.exhausted])
            #expect(try harness.handled(LoanPaidOut.self, by: "email").isEmpty)
            #expect(try harness.published(ReceiptSent.self).isEmpty)
        }
    }
}
