import Foundation
import HTTPTypes
import Harebell
import HummingbirdTesting
import LoanEvents
import NIOCore
import TestSupport
import Testing

@testable import PayoutService

@Suite(.timeLimit(.minutes(1)))
struct `An idempotency key` {
    @Test func `makes a repeated request answer the same and do nothing`() async throws {
        try await withAPI { client, store in
            let first = try await client.post("/loans", creation, key: "create-1")
            let id = try #require(first.answer.id)
            let paid = try await client.post("/loans/\(id)/payout", key: "pay-1")
            #expect(first.response.headers[.idempotencyReplayed] == nil)

            // Spaces and the order of the fields do not make it another request.
            let reordered =
                #"{ "amount":{"currency":"SEK","minorUnits":125000000}, "borrower":{"email":"asa@example.com","name":"Åsa Öberg"} }"#
            for body in [creation, reordered] {
                let again = try await client.post("/loans", body, key: "create-1", headers: [.correlationID: "another"])
                #expect(again.response.status == .created)
                #expect(again.response.body == first.response.body)
                #expect(again.response.headers[.location] == first.response.headers[.location])
                #expect(again.response.headers[.correlationID] == first.response.headers[.correlationID])
                #expect(again.response.headers[.idempotencyReplayed] == "true")
            }
            for body in [nil, "{}"] {
                let again = try await client.post("/loans/\(id)/payout", body, key: "pay-1")
                #expect(again.response.status == .ok)
                #expect(again.response.body == paid.response.body)
                #expect(again.response.headers[.idempotencyReplayed] == "true")
            }
            #expect(try await store.unpublished(limit: 10).count == 2)
        }
    }

    @Test func `cannot be used for another request`() async throws {
        try await withAPI { client, store in
            let first = try await client.post("/loans", creation, key: "k")
            let id = try #require(first.answer.id)
            for (path, body) in [
                ("/loans", creation.replacing("125000000", with: "125000001")), ("/loans/\(id)/payout", "{}"),
                ("/loans/\(id)/cancel", "{}"),
            ] {
                let (response, problem) = try await client.post(path, body, key: "k")
                #expect(response.status == .unprocessableContent)
                #expect(problem.type == "urn:harebell:problem:idempotency-key-reused")
                #expect(problem.errors?.map(\.field) == ["Idempotency-Key"])
            }
            #expect(try await store.unpublished(limit: 10).count == 1)
            #expect(try await client.get("/loans/\(id)").answer.status == "created")
        }
    }

    @Test(arguments: ["", "a b", "ö", String(repeating: "k", count: 201)])
    func `must be one visible word`(_ key: String) async throws {
        try await withAPI { client, store in
            let (response, problem) = try await client.post("/loans", creation, key: key)
            #expect(response.status == .badRequest)
            #expect(problem.errors?.map(\.field) == ["Idempotency-Key"])

            var headers: HTTPFields = [.contentType: "application/json"]
            headers.append(HTTPField(name: .idempotencyKey, value: "a"))
            headers.append(HTTPField(name: .idempotencyKey, value: "b"))
            let twice = try await client.executeRequest(
                uri: "/loans", method: .post, headers: headers, body: .init(string: creation))
            #expect(twice.status == .badRequest)
            #expect(try await store.unpublished(limit: 1).isEmpty)
        }
    }

    @Test func `pays out once for twenty requests at the same time`() async throws {
        try await withAPI { client, store in
            let id = try await client.createLoan()
            let answers = try await withThrowingTaskGroup(of: TestResponse.self) { tasks in
                for _ in 0..<20 {
                    tasks.addTask { try await client.post("/loans/\(id)/payout", "{}", key: "once").response }
                }
                return try await tasks.reduce(into: []) { $0.append($1) }
            }
            #expect(answers.count == 20)
            #expect(answers.allSatisfy { $0.status == .ok && $0.body == answers[0].body })
            #expect(answers.count { $0.headers[.idempotencyReplayed] == nil } == 1)
            let events = try await store.unpublished(limit: 10)
            #expect(events.map(\.envelope.type) == ["loan.created", "loan.paid-out"])
        }
    }

    @Test func `pays out once for twenty requests with different keys, or none`() async throws {
        try await withAPI { client, store in
            let id = try await client.createLoan()
            let statuses = try await withThrowingTaskGroup(of: Int.self) { tasks in
                for index in 0..<20 {
                    let key = index.isMultiple(of: 2) ? "key-\(index)" : nil
                    tasks.addTask { try await client.post("/loans/\(id)/payout", "{}", key: key).response.status.code }
                }
                return try await tasks.reduce(into: []) { $0.append($1) }
            }
            #expect(statuses.count { $0 == 200 } == 1)
            #expect(statuses.count { $0 == 409 } == 19)
            #expect(try await store.unpublished(limit: 10).count == 2)
        }
    }

    /// The process dies after the commit and before the answer: the client knows nothing and asks again.
    @Test func `answers after a crash between commit and answer`() async throws {
        try await withTemporaryDirectory { folder in
            let path = folder + "/payout.sqlite"
            let before = try await PayoutStore.open(path: path)
            let loan = try await before.execute(creating(), key: "create", correlationID: "c-1")
            let lost = try await before.execute(
                .payOut(loanID: loan.loanID, reference: nil), key: "pay", correlationID: "c-2")
            try await before.close()

            let after = try await PayoutStore.open(path: path)
            let again = try await after.execute(
                .payOut(loanID: loan.loanID, reference: nil), key: "pay", correlationID: "c-3")
            #expect(again.isReplayed)
            #expect(again.body == lost.body && again.status == lost.status && again.correlationID == "c-2")
            #expect(try await after.unpublished(limit: 10).map(\.envelope.correlationID) == ["c-1", "c-2"])
        }
    }
}
