import Foundation
import HTTPTypes
import Harebell
import Hummingbird
import HummingbirdTesting
import LoanEvents
import Testing

@testable import PayoutService

@Suite(.timeLimit(.minutes(1)))
struct `The payout API` {
    @Test func `creates a loan, pays it out and shows it`() async throws {
        try await withAPI { client, store in
            let (created, loan) = try await client.post("/loans", creation)
            let id = try #require(loan.id)
            #expect(created.status == .created)
            #expect(created.headers[.location] == "/loans/\(id)")
            #expect(created.headers[.contentType] == "application/json")
            #expect(loan.status == "created")
            #expect(loan.amount == .init(minorUnits: 125_000_000, currency: "SEK"))
            #expect(loan.borrower == ["name": "Åsa Öberg", "email": "asa@example.com"])

            let (paid, paidLoan) = try await client.post("/loans/\(id)/payout")
            #expect(paid.status == .ok)
            #expect(paidLoan.status == "paid_out")
            #expect(paidLoan.reference?.hasPrefix("PO-") == true)
            let (shown, shownLoan) = try await client.get("/loans/\(id)")
            #expect(shownLoan == paidLoan)
            #expect(shown.body == paid.body)

            let events = try await store.unpublished(limit: 10)
            #expect(events.map(\.envelope.type) == ["loan.created", "loan.paid-out"])
            #expect(events.map(\.envelope.producer) == ["payout", "payout"])
            let event = try events[1].envelope.decode(LoanPaidOut.self)
            #expect(event.loanID == id && event.borrower.name == "Åsa Öberg" && event.amount.minorUnits == 125_000_000)
            #expect(event.reference == paidLoan.reference)
        }
    }

    @Test func `cancels a loan with a reason`() async throws {
        try await withAPI { client, store in
            let id = try await client.createLoan()
            let (response, loan) = try await client.post("/loans/\(id)/cancel", #"{"reason":"changed her mind"}"#)
            #expect(response.status == .ok)
            #expect(loan.status == "canceled" && loan.reason == "changed her mind")
            let event = try #require(try await store.unpublished(limit: 10).last)
            #expect(try event.envelope.decode(LoanCanceled.self).reason == "changed her mind")
        }
    }

    @Test(arguments: [("payout", "payout"), ("payout", "cancel"), ("cancel", "payout"), ("cancel", "cancel")])
    func `refuses a second end of a loan`(_ first: String, _ second: String) async throws {
        try await withAPI { client, store in
            let id = try await client.createLoan()
            #expect(try await client.post("/loans/\(id)/\(first)").response.status == .ok)
            let (response, problem) = try await client.post("/loans/\(id)/\(second)")
            #expect(response.status == .conflict)
            #expect(response.headers[.contentType] == "application/problem+json")
            #expect(problem.type == "urn:harebell:problem:wrong-status" && problem.status == "409")
            #expect(try await store.unpublished(limit: 10).count == 2)
        }
    }

    @Test func `knows no loan that was not created`() async throws {
        try await withAPI { client, store in
            for path in ["/loans/x/payout", "/loans/%2e%2e/cancel", "/loans/';DROP TABLE loan;--/payout"] {
                let (response, problem) = try await client.post(path)
                #expect(response.status == .notFound, "\(path)")
                #expect(problem.type == "urn:harebell:problem:no-such-loan")
            }
            #expect(try await client.get("/loans/x").response.status == .notFound)
            #expect(try await client.get("/elsewhere").answer.type == "urn:harebell:problem:no-such-resource")
            #expect(try await store.unpublished(limit: 10).isEmpty)
        }
    }

    @Test func `says which methods it takes`() async throws {
        try await withAPI { client, _ in
            let (response, _) = try await client.get("/loans")
            #expect(response.status == .methodNotAllowed)
            #expect(response.headers[.allow] == "POST")
            #expect(try await client.post("/loans/x").response.headers[.allow] == "GET")
        }
    }

    @Test func `carries the correlation id into answer and event`() async throws {
        try await withAPI { client, store in
            let (response, _) = try await client.post(
                "/loans", creation,
                headers: [
                    .correlationID: "order-42",
                    .w3cTraceparent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
                ])
            #expect(response.headers[.correlationID] == "order-42")
            let event = try #require(try await store.unpublished(limit: 1).first)
            #expect(event.envelope.correlationID == "order-42")
            #expect(event.envelope.trace.traceID == "0af7651916cd43dd8448eb211c80319c")

            let (made, _) = try await client.post("/loans", creation)
            let correlationID = try #require(made.headers[.correlationID])
            #expect(correlationID.count == 36)
            #expect(try await store.unpublished(limit: 2).last?.envelope.correlationID == correlationID)
        }
    }

    @Test(arguments: ["", " ", "a b", "a\u{1}", "ö", String(repeating: "x", count: 129), "a,b", "<script>"])
    func `refuses a correlation id that would not do in a log`(_ value: String) async throws {
        try await withAPI { client, _ in
            var headers: HTTPFields = [.contentType: "application/json"]
            headers.append(HTTPField(name: .correlationID, lenientValue: Array(value.utf8)))
            let (response, problem) = try await client.post("/loans", creation, headers: headers)
            #expect(response.status == .badRequest)
            #expect(problem.errors?.map(\.field) == ["X-Correlation-ID"])
            #expect(response.headers[.correlationID] == problem.correlationId)
        }
    }

    @Test func `answers probes`() async throws {
        try await withStore { store, _ in
            try await withAPI(on: store) { client in
                _ = try await client.createLoan()
                #expect(try await client.get("/livez").answer.status == "ok")
                let ready = try await client.get("/readyz")
                #expect(ready.response.status == .ok)
                #expect(String(buffer: ready.response.body).contains(#""unpublished":1"#))
            }
            try await withAPI(on: store, health: RelayHealth(limit: .zero)) { client in
                let (response, _) = try await client.get("/livez")
                #expect(response.status == .serviceUnavailable)
            }
            try await store.close()
            try await withAPI(on: store) { client in
                #expect(try await client.get("/readyz").response.status == .serviceUnavailable)
                let (response, problem) = try await client.post("/loans", creation)
                #expect(response.status.code >= 500)
                #expect(problem.detail?.contains("Idempotency-Key") == true)
            }
        }
    }
}
