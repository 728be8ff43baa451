import NIOHTTP1
import Synchronization

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

extension DevelopmentSystem {
    /// Creates and pays out two loans, one of which the partner refuses, and returns what was observed of it.
    ///
    /// The partner fails once for the first loan. For the second it answers 422, until the demonstration is over: the
    /// dead letter it leaves can be replayed then.
    public func runDemo(within limit: Duration = .seconds(30)) async throws -> DemoResult {
        let partner = try partner
        // From here on, so that nothing that follows is missed.
        let (events, reports) = (events(), events())
        defer { partner.removeExceptions() }
        let run = randomToken(length: 6)
        let recipient = "asa.\(run)@example.org"
        send(.demo("Åsa Öberg borrows 1 250 000,00 kr; the partner will fail once"))
        let good = try await createLoan("Åsa Öberg", recipient, 125_000_000)
        send(.demo("Bo Ek borrows 4 000,00 kr; the partner will refuse it"))
        let bad = try await createLoan("Bo Ek", "bo.\(run)@example.org", 400_000)
        await partnerKnows([good, bad], reports, within: limit)
        partner.behave(.fail(for: nil), forLoan: good, requests: 1)
        partner.behave(.reject, forLoan: bad)
        let observer = DemoObserver(
            loanID: good, rejectedLoanID: bad, recipient: recipient, paidOutAt: ContinuousClock.now)
        try await payOut(good)
        try await payOut(bad)
        send(.demo("both loans are paid out"))
        let observed = await Self.collect(observer, from: events, within: limit)
        return observed.result()
    }

    /// Waits until the partner has accepted the creation of the loans, so that what follows is about the payouts.
    private func partnerKnows(_ loans: Set<String>, _ events: AsyncStream<DevelopmentEvent>, within limit: Duration)
        async
    {
        _ = try? await HarebellDevelopment.within(limit) {
            var missing = loans
            for await event in events {
                if case .partnerCalled(let request) = event, request.isAccepted { missing.remove(request.loanID) }
                if missing.isEmpty { return }
            }
        }
    }

    /// Shows the observer every event until it has seen all, or the limit has passed.
    private static func collect(
        _ observer: DemoObserver, from events: AsyncStream<DevelopmentEvent>, within limit: Duration
    ) async -> DemoObserver {
        // Kept outside the task that the limit cancels: what was seen until then counts.
        let seen = Mutex(observer)
        _ = try? await HarebellDevelopment.within(limit) {
            for await event in events
            where seen.withLock({
                $0.observe(event); return $0.isComplete
            }) { return }
        }
        return seen.withLock { $0 }
    }

    private func createLoan(_ name: String, _ email: String, _ minorUnits: Int64) async throws -> String {
        struct Loan: Encodable {
            struct Borrower: Encodable { let name, email: String }
            struct Amount: Encodable {
                let minorUnits: Int64
                let currency: String
            }
            let borrower: Borrower
            let amount: Amount
        }
        struct Created: Decodable { let id: String }
        let loan = Loan(
            borrower: .init(name: name, email: email), amount: .init(minorUnits: minorUnits, currency: "SEK"))
        let body = try await post("/loans", [UInt8](JSONEncoder().encode(loan)))
        return try JSONDecoder().decode(Created.self, from: Data(body)).id
    }

    private func payOut(_ loanID: String) async throws {
        _ = try await post("/loans/\(percentEncoded(loanID))/payout", Array("{}".utf8))
    }

    private func post(_ path: String, _ body: [UInt8]) async throws -> [UInt8] {
        let port = try payoutURL.split(separator: ":").last.flatMap { Int($0) } ?? 0
        let response = try await LoopbackHTTPClient(port: port, authorization: nil)
            .send(.POST, path, body: body, headers: [("Idempotency-Key", randomToken())])
        guard (200..<300).contains(response.status) else {
            throw DevelopmentError(
                .requestFailed, "POST \(path) was answered with \(response.status): \(response.text)")
        }
        return response.body
    }
}
