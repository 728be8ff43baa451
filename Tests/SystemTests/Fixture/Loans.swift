import Curl
import HarebellDevelopment
import TestSupport
import Testing

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// A loan that a test created.
struct TestLoan: Sendable, Hashable {
    let id: String
    let email: String
}

extension RunningSystem {
    /// Sends a request to the payout API.
    func post(
        _ path: String, _ body: String = "{}", key: String? = nil, correlation: String? = nil
    ) async throws -> HTTPResponse {
        var fields: HTTPFields = ["Content-Type": "application/json"]
        if let key { fields.append("Idempotency-Key", key) }
        if let correlation { fields.append("X-Correlation-ID", correlation) }
        return try await client.send(
            HTTPRequest(method: "POST", url: system.payoutURL + path, fields: fields, body: Array(body.utf8)))
    }

    func createLoan(
        name: String = "Åsa Öberg", minorUnits: Int = 125_000_000, correlation: String? = nil
    ) async throws -> TestLoan {
        struct Created: Decodable { let id: String }
        let email = uniqueName("asa") + "@example.org"
        let response = try await post(
            "/loans",
            #"{"borrower":{"name":"\#(name)","email":"\#(email)"},"amount":{"minorUnits":\#(minorUnits),"currency":"SEK"}}"#,
            correlation: correlation)
        try #require(response.status == 201, "\(String(decoding: response.body, as: UTF8.self))")
        return TestLoan(id: try JSONDecoder().decode(Created.self, from: Data(response.body)).id, email: email)
    }

    @discardableResult
    func payOut(_ loan: TestLoan, key: String? = nil, correlation: String? = nil) async throws -> HTTPResponse {
        let response = try await post("/loans/\(loan.id)/payout", key: key, correlation: correlation)
        #expect((200..<300).contains(response.status), "\(String(decoding: response.body, as: UTF8.self))")
        return response
    }

    // MARK: - What became of it

    func mails(about loan: TestLoan) throws -> [MailMessage] {
        try system.mailSink.messages.filter { $0.recipients.contains(loan.email) }
    }

    func partnerCalls(about loan: TestLoan, status: String? = nil) throws -> [PartnerRequest] {
        try system.partner.requests.filter { $0.loanID == loan.id && (status == nil || $0.status == status) }
    }

    func receipt(of loan: TestLoan) throws -> String { try system.pdfDirectory + "/\(loan.id).pdf" }

    /// How often the receipt was printed.
    func printings(of loan: TestLoan) -> Int {
        journal.lines(of: "pdf").count { $0.message == "receipt printed" && $0.fields["loan_id"] == loan.id }
    }

    /// Waits until loans that were paid out have had all their effects, and returns the count.
    func settled(_ loans: [TestLoan], within limit: Duration = .seconds(120)) async throws -> Tally {
        var tally = try Tally(of: loans, in: self)
        do {
            try await eventually("every effect of \(loans.count) loans", within: limit) {
                tally = try Tally(of: loans, in: self)
                return tally.lost == 0
            }
        } catch is DeadlinePassed {
            // The count says it better.
        }
        return tally
    }
}

/// The effects of loans that were created and paid out: two events, taken by one and three services.
struct Tally: CustomStringConvertible {
    let published: Int
    private(set) var handled = 0
    private(set) var duplicates = 0

    var lost: Int { published - handled }

    init(of loans: [TestLoan], in running: RunningSystem) throws {
        published = loans.count * 4
        for loan in loans {
            for status in ["created", "paid_out"] {
                add(try running.partnerCalls(about: loan, status: status).count { $0.isAccepted })
            }
            add(try running.mails(about: loan).count)
            let isThere = FileManager.default.fileExists(atPath: try running.receipt(of: loan))
            add(isThere ? max(1, running.printings(of: loan)) : 0)
        }
    }

    private mutating func add(_ times: Int) {
        guard times > 0 else { return }
        handled += 1
        duplicates += times - 1
    }

    var description: String {
        "\(published) deliveries published, \(handled) handled, \(duplicates) duplicates, \(lost) lost"
    }
}
