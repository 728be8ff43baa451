import Testing

@testable import HarebellDevelopment

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

@Suite struct PartnerLedgerTests {
    private let start = ContinuousClock.now

    private func call(_ loan: String, _ status: String, key: String = "", time: String? = nil) -> PartnerLedger.Call {
        PartnerLedger.Call(
            report: .success(PartnerReport(loanID: loan, status: status, occurredAt: time)), idempotencyKey: key)
    }

    @Test func `a failure lasts its time and then everything is accepted`() {
        var ledger = PartnerLedger()
        ledger.schedule.set(.fail(for: .seconds(20)), now: start)
        #expect(ledger.record(call("a", "created"), at: Date(), now: start).0 == .failed)
        #expect(ledger.record(call("a", "created"), at: Date(), now: start + .seconds(19)).0 == .failed)
        #expect(ledger.record(call("a", "created"), at: Date(), now: start + .seconds(20)).0 == .accepted)
        #expect(ledger.schedule.behavior == .ok)
    }

    @Test func `Retry-After names the seconds that are left, and who comes earlier is counted`() {
        var ledger = PartnerLedger()
        ledger.schedule.set(.retryAfter(.milliseconds(2500)), now: start)
        let call = call("a", "created", key: "k")
        #expect(ledger.record(call, at: Date(), now: start).0 == .retryAfter(seconds: 3))
        #expect(ledger.record(call, at: Date(), now: start + .seconds(1)).0 == .retryAfter(seconds: 2))
        #expect(ledger.record(call, at: Date(), now: start + .seconds(3)).0 == .accepted)
        #expect(ledger.statistics.early == 1)
        #expect(ledger.statistics.requests == 3)
    }

    @Test func `one loan can be treated otherwise for a number of requests`() {
        var ledger = PartnerLedger()
        ledger.schedule.set(.fail(for: nil), forLoan: "b", requests: 1)
        #expect(ledger.record(call("a", "created"), at: Date(), now: start).0 == .accepted)
        #expect(ledger.record(call("b", "created"), at: Date(), now: start).0 == .failed)
        #expect(ledger.record(call("b", "created"), at: Date(), now: start).0 == .accepted)
        ledger.schedule.set(.reject, forLoan: "b", requests: .max)
        for _ in 0..<5 { #expect(ledger.record(call("b", "created"), at: Date(), now: start).0 == .rejected) }
        ledger.schedule.removeExceptions()
        #expect(ledger.record(call("b", "created"), at: Date(), now: start).0 == .accepted)
    }

    @Test func `a key that was accepted before is a duplicate and no inversion`() {
        var ledger = PartnerLedger()
        ledger.schedule.set(.fail(for: nil), now: start)
        _ = ledger.record(call("a", "created", key: "1"), at: Date(), now: start)
        ledger.schedule.set(.ok, now: start)
        for (status, key) in [("created", "1"), ("paid-out", "2"), ("created", "1")] {
            _ = ledger.record(call("a", status, key: key), at: Date(), now: start)
        }
        #expect(ledger.requests.map(\.isDuplicate) == [false, false, false, true])
        #expect(ledger.statistics.duplicates == 1)
        #expect(ledger.statistics.accepted == 3)
        #expect(ledger.statistics.orderInversions == 0)
    }

    @Test(arguments: [
        (["created", "paid-out", "canceled"], [String](), 0), (["paid-out", "created"], [], 1),
        (["canceled", "created", "paid-out"], [], 2),
        (["paid-out", "created"], ["2026-01-01T00:00:00.000Z", "2026-01-01T00:00:00.001Z"], 0),
        (["created", "paid-out"], ["2026-01-01T00:00:00.001Z", "2026-01-01T00:00:00.000Z"], 1),
        (["created", "paid-out"], ["2026-01-01T00:00:00.000Z", "2026-01-01T00:00:00.000Z"], 0),
    ])
    func `inversions are counted per loan`(statuses: [String], times: [String], inversions: Int) {
        var ledger = PartnerLedger()
        for (index, status) in statuses.enumerated() {
            let time = times.isEmpty ? nil : times[index]
            _ = ledger.record(call("other", status, key: "o\(index)", time: "x"), at: Date(), now: start)
            _ = ledger.record(call("a", status, key: "\(index)", time: time), at: Date(), now: start)
        }
        #expect(ledger.requests.filter { $0.loanID == "a" && $0.isInversion }.count == inversions)
    }

    @Test(arguments: [
        #"{"loanID":"L1","status":"created"}"#, #"{"type":"loan.created","data":{"loan_id":"L1","status":"created"}}"#,
        #"{"loanId":"L1","status":"created","extra":{"a":[1,2]}}"#,
    ])
    func `a report is read from the top level or from data`(text: String) throws {
        let report = try PartnerReport(body: Array(text.utf8))
        #expect(report.loanID == "L1")
        #expect(report.status == "created")
    }
}
