import TestSupport
import Testing

@testable import HarebellDevelopment

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

@Suite struct DemoObserverTests {
    private func mail(to recipient: String) -> DevelopmentEvent {
        .mailReceived(
            MailMessage(
                path: "/x", receivedAt: Date(), envelopeSender: "", recipients: [recipient], size: 1,
                headers: MailHeaders(message: Array("Subject: Paid\r\n\r\n".utf8))))
    }

    /// Calls as the partner stub would report them.
    private func calls(_ script: [(loan: String, key: String, answer: PartnerBehavior)]) -> [DevelopmentEvent] {
        var ledger = PartnerLedger()
        return script.map { loan, key, behavior in
            ledger.schedule.set(behavior, now: .now)
            let call = PartnerLedger.Call(
                report: .success(PartnerReport(loanID: loan, status: "paid-out")), idempotencyKey: key,
                signature: .valid)
            return .partnerCalled(ledger.record(call, at: Date(), now: .now).1)
        }
    }

    private func deadLetter(_ id: String) -> DevelopmentEvent {
        .deadLettered(
            service: "partner", eventID: id, eventType: "loan.paid-out", reason: "permanent", error: "422")
    }

    private func observer() -> DemoObserver {
        DemoObserver(loanID: "good", rejectedLoanID: "bad", recipient: "a@b.c", paidOutAt: .now)
    }

    @Test func `every promise needs its own evidence`() async throws {
        try await withTemporaryDirectory { directory in
            let file = directory + "/good.pdf"
            try Data("%PDF-1.7\n…\n%%EOF\n".utf8).write(to: URL(filePath: file))
            let events =
                calls([("good", "1", .fail(for: nil)), ("good", "1", .ok), ("bad", "2", .reject)])
                + [mail(to: "a@b.c"), .pdfWritten(loanID: "good", path: file), deadLetter("2")]
            // Backwards the acceptance comes before the failure: that is no retry.
            let expected: [([DevelopmentEvent], [DemoResult.Promise])] = [(events, []), (events.reversed(), [.retry])]
            for (order, missing) in expected {
                var watching = observer()
                for event in order { watching.observe(event) }
                let result = watching.result()
                #expect(result.observations.filter { !$0.isObserved }.map(\.promise) == missing)
                #expect(result.isComplete == missing.isEmpty)
                #expect(result.firstResultAfter != nil)
            }
        }
    }

    @Test func `what is about others, half a file or a stranger's signature proves nothing`() async throws {
        try await withTemporaryDirectory { directory in
            let half = directory + "/half.pdf"
            try Data("%PDF-1.7\n".utf8).write(to: URL(filePath: half))
            var watching = observer()
            let events =
                calls([("other", "1", .ok), ("bad", "3", .ok)]) + [
                    mail(to: "x@y.z"), .pdfWritten(loanID: "good", path: half),
                    .pdfWritten(loanID: "good", path: directory + "/none"), deadLetter("9"),
                ]
            for event in events { watching.observe(event) }
            #expect(watching.evidence.isEmpty)
            #expect(!watching.result().isComplete)
            #expect(watching.firstResultAfter == nil)
        }
    }

    @Test func `log lines of services are read for what they mean`() {
        let dead = ServiceLogLine(
            #"{"level":"error","message":"Failed","event_id":"7","event_type":"loan.paid-out","outcome":"dead_lettered","reason":"permanent","error":"422"}"#
        )
        guard case .deadLettered("partner", "7", "loan.paid-out", "permanent", "422") = dead.event(service: "partner")
        else {
            Issue.record("no dead letter was read")
            return
        }
        let retry = ServiceLogLine(
            #"{"message":"x","event_id":"7","outcome":"retry_immediate","attempt":1,"retry_after_ms":"50","error":"503"}"#
        )
        guard case .retried("partner", "7", 1, .milliseconds(50), "503") = retry.event(service: "partner") else {
            Issue.record("no retry was read")
            return
        }
        let pdf = ServiceLogLine(#"{"message":"receipt printed","file_path":"/a b.pdf","loan_id":"L"}"#)
        guard case .pdfWritten("L", "/a b.pdf") = pdf.event(service: "pdf") else {
            Issue.record("no receipt was read")
            return
        }
        if let event = pdf.event(service: "email") { Issue.record("read \(event)") }
        #expect(ServiceLogLine("not json").message == "not json")
        #expect(ServiceLogLine("{broken").fields.isEmpty)
        #expect(ServiceLogLine(#"{"message":"m","nested":{"a":1},"n":1.5,"b":true}"#).fields.count == 3)
    }
}
