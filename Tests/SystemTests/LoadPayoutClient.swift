import Curl
import HarebellDevelopment
import TestSupport
import Testing

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// The payout API as a client that keeps its connections sees it.
struct LoadPayoutClient: Sendable {
    private let url: String
    private let client: CurlClient

    init(url: String) throws {
        self.url = url
        client = try CurlClient(configuration: CurlConfiguration(addressPolicy: .loopbackOnly))
    }

    /// Creates loans, several at a time, and returns their ids.
    func createLoans(_ count: Int, atATime width: Int = 8) async throws -> [String] {
        try await withThrowingTaskGroup(of: [String].self) { tasks in
            for lane in 0..<width {
                tasks.addTask {
                    var ids: [String] = []
                    for number in stride(from: lane, to: count, by: width) { ids.append(try await createLoan(number)) }
                    return ids
                }
            }
            return try await tasks.reduce(into: []) { $0 += $1 }
        }
    }

    private func createLoan(_ number: Int) async throws -> String {
        struct Created: Decodable { let id: String }
        let body = """
            {"borrower":{"name":"Åsa Öberg","email":"asa.\(number)@example.org"},\
            "amount":{"minorUnits":125000000,"currency":"SEK"}}
            """
        let response = try await post("/loans", body)
        try #require(response.status == 201)
        return try JSONDecoder().decode(Created.self, from: Data(response.body)).id
    }

    /// Pays a loan out and returns how long the answer took.
    @discardableResult
    func payOut(_ loan: String) async throws -> Duration {
        let began = ContinuousClock.now
        let response = try await post("/loans/\(loan)/payout", "{}")
        let took = ContinuousClock.now - began
        try #require(response.status == 200, "\(String(decoding: response.body, as: UTF8.self))")
        return took
    }

    /// Returns when the API answers and every event it wrote is published.
    func untilAllPublished() async throws {
        struct Ready: Decodable { let unpublished: Int? }
        try await eventually("every event is published", within: .seconds(60)) {
            let response = try? await client.send(HTTPRequest(url: url + "/readyz"))
            guard let response, response.status == 200 else { return false }
            return try JSONDecoder().decode(Ready.self, from: Data(response.body)).unpublished == 0
        }
    }

    private func post(_ path: String, _ body: String) async throws -> HTTPResponse {
        try await client.send(
            HTTPRequest(
                method: "POST", url: url + path,
                fields: ["Content-Type": "application/json", "Idempotency-Key": uniqueName("load")],
                body: Array(body.utf8)))
    }
}
