import Curl
import HarebellDevelopment
import TestSupport
import Testing

extension SystemTests {
    @Test func `a payout is mailed, printed and reported once, under one correlation id`() async throws {
        let running = try await RunningSystem.shared()
        let correlation = uniqueName("correlation")
        let loan = try await running.createLoan(correlation: correlation)
        let answer = try await running.payOut(loan, correlation: correlation)
        #expect(answer.fields["X-Correlation-ID"] == correlation)
        let tally = try await running.settled([loan])
        #expect(tally.lost == 0 && tally.duplicates == 0, "\(tally)")

        let mails = try running.mails(about: loan)
        #expect(mails.map { $0.headers["X-Correlation-ID"] } == [correlation])

        let receipt = try await Command.run("/usr/bin/env", ["pdftotext", "-layout", running.receipt(of: loan), "-"])
        #expect(receipt.status?.isSuccess == true)
        // Whichever space separates the thousands.
        let text = String(receipt.output.map { $0.isWhitespace ? " " : $0 })
        #expect(text.contains("Åsa Öberg"), "\(text)")
        #expect(text.contains("1 250 000,00"), "\(text)")
        #expect(text.contains(correlation), "\(text)")

        let calls = try running.partnerCalls(about: loan)
        #expect(calls.map(\.status) == ["created", "paid_out"])
        #expect(calls.allSatisfy { $0.signature == .valid && $0.isAccepted && $0.correlationID == correlation })
        for service in ["payout"] + RunningSystem.workers {
            try await eventually("the correlation id in the log of \(service)") {
                running.journal.lines(of: service).contains { $0.fields["correlation_id"] == correlation }
            }
        }
    }
}
