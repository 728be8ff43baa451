import Foundation
import GRDB
import HTTPTypes
import Harebell
import HarebellTesting
import Hummingbird
import HummingbirdTesting
import LoanEvents
import Logging
import NIOCore
import TestSupport
import Testing

@testable import PayoutService

let creation =
    #"{"borrower":{"name":"Åsa Öberg","email":"asa@example.com"},"amount":{"minorUnits":125000000,"currency":"SEK"}}"#

/// A logger that says nothing.
let silent = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }

/// A store in a folder of its own.
func withStore<R>(_ body: (PayoutStore, String) async throws -> R) async throws -> R {
    try await withTemporaryDirectory { folder in
        let path = folder + "/payout.sqlite"
        let store = try await PayoutStore.open(path: path)
        return try await body(store, path)
    }
}

/// The API on a store of its own, without a relay.
func withAPI<R>(
    _ body: @Sendable (any TestClientProtocol, PayoutStore) async throws -> R
) async throws -> R {
    try await withStore { store, _ in
        try await withAPI(on: store) { try await body($0, store) }
    }
}

/// The API on a store.
func withAPI<R>(
    on store: PayoutStore, health: RelayHealth = RelayHealth(),
    _ body: @Sendable (any TestClientProtocol) async throws -> R
) async throws -> R {
    let api = PayoutAPI(store: store, health: health)
    let application = Application(router: api.router(), logger: silent)
    return try await application.test(.router, body)
}

/// A loan or a problem, as a client reads it.
struct Answer: Decodable, Equatable {
    struct Amount: Decodable, Equatable {
        let minorUnits: Int64
        let currency: String
    }
    struct FieldError: Decodable, Equatable {
        let field: String
        let message: String
    }

    var id: String?
    var amount: Amount?
    var borrower: [String: String]?
    var reference: String?
    var reason: String?
    var type: String?
    var title: String?
    var detail: String?
    var correlationId: String?
    var errors: [FieldError]?
    /// A word for a loan, a number for a problem.
    var status: String

    private enum CodingKeys: CodingKey {
        case id, amount, borrower, reference, reason, type, title, detail, correlationId, errors, status
    }

    init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        id = try container.decodeIfPresent(String.self, forKey: .id)
        amount = try container.decodeIfPresent(Amount.self, forKey: .amount)
        borrower = try container.decodeIfPresent([String: String].self, forKey: .borrower)
        reference = try container.decodeIfPresent(String.self, forKey: .reference)
        reason = try container.decodeIfPresent(String.self, forKey: .reason)
        type = try container.decodeIfPresent(String.self, forKey: .type)
        title = try container.decodeIfPresent(String.self, forKey: .title)
        detail = try container.decodeIfPresent(String.self, forKey: .detail)
        correlationId = try container.decodeIfPresent(String.self, forKey: .correlationId)
        errors = try container.decodeIfPresent([FieldError].self, forKey: .errors)
        do {
            status = try container.decode(String.self, forKey: .status)
        } catch {
            status = String(try container.decode(Int.self, forKey: .status))
        }
    }
}

extension TestClientProtocol {
    /// Posts JSON and reads what comes back.
    func post(
        _ uri: String, _ body: String? = nil, key: String? = nil, headers: HTTPFields = [:]
    ) async throws -> (response: TestResponse, answer: Answer) {
        var headers = headers
        if body != nil, headers[.contentType] == nil {
            headers[.contentType] = "application/json"
        }
        headers[.idempotencyKey] = key
        let response = try await executeRequest(
            uri: uri, method: .post, headers: headers, body: body.map { ByteBuffer(string: $0) })
        return (response, try JSONDecoder().decode(Answer.self, from: Data(buffer: response.body)))
    }

    /// Gets a resource and reads what comes back.
    func get(_ uri: String) async throws -> (response: TestResponse, answer: Answer) {
        let response = try await executeRequest(uri: uri, method: .get, headers: [:], body: nil)
        return (response, try JSONDecoder().decode(Answer.self, from: Data(buffer: response.body)))
    }

    /// Creates a loan.
    func createLoan() async throws -> String {
        let (response, answer) = try await post("/loans", creation)
        #expect(response.status == .created)
        return try #require(answer.id)
    }
}

extension HTTPField.Name {
    static let w3cTraceparent = Self("traceparent") ?? .userAgent
}

extension Data {
    init(buffer: ByteBuffer) {
        self.init(buffer.readableBytesView)
    }
}

extension PayoutStore {
    /// Runs a statement behind the store's back.
    func run(_ sql: String) async throws {
        try await write { try $0.execute(sql: sql) }
    }

    /// How many rows a table has.
    func count(_ table: String) async throws -> Int {
        try await read { try Int.fetchOne($0, sql: "SELECT count(*) FROM \(table)") } ?? 0
    }

    /// Journal mode, synchronous, foreign keys and trusted schema of the connection.
    func pragmas() async throws -> [String] {
        try await read { db in
            let mode = try String.fetchOne(db, sql: "PRAGMA journal_mode") ?? "-"
            let switches = try ["synchronous", "foreign_keys", "trusted_schema"].map { name in
                try Int.fetchOne(db, sql: "PRAGMA \(name)").map(String.init) ?? "-"
            }
            return [mode] + switches
        }
    }
}

/// A command that creates a loan.
func creating(_ name: String = "Åsa Öberg", minorUnits: Int64 = 100) throws -> LoanCommand {
    .create(
        borrower: Borrower(name: name, email: "asa@example.com"),
        amount: try Money(minorUnits: minorUnits, currency: "SEK"))
}
