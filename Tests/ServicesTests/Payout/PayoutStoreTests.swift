import Foundation
import GRDB
import Harebell
import LoanEvents
import TestSupport
import Testing

@testable import PayoutService

@Suite(.timeLimit(.minutes(1)))
struct `The store of loans` {
    @Test func `syncs every commit and belongs to its user alone`() async throws {
        try await withStore { store, path in
            _ = try await store.execute(creating(), key: nil, correlationID: "c")
            for suffix in ["", "-wal", "-shm", ".lock"] {
                let mode =
                    try FileManager.default.attributesOfItem(atPath: path + suffix)[.posixPermissions] as? NSNumber
                #expect(mode?.intValue == 0o600, "\(suffix)")
            }
            let pragmas = try await store.pragmas()
            #expect(pragmas == ["wal", "2", "1", "0"])
        }
    }

    @Test func `lets no second process in, and the next one after it`() async throws {
        try await withStore { store, path in
            let error = await #expect(throws: StoreError.self) { _ = try await PayoutStore.open(path: path) }
            #expect(error?.message.contains("in use by another payout-service") == true)
            try await store.close()
            try await PayoutStore.open(path: path).close()
        }
    }

    @Test func `says which file it cannot open`() async throws {
        try await withTemporaryDirectory { folder in
            try Data("not a database, but long enough to have a header that says so".utf8)
                .write(to: URL(fileURLWithPath: folder + "/garbage"))
            for path in [folder + "/missing/payout.sqlite", folder + "/garbage", folder] {
                let error = await #expect(throws: StoreError.self) { _ = try await PayoutStore.open(path: path) }
                #expect(error?.message.contains(path) == true)
            }
        }
    }

    @Test func `writes loan, event and answer together or not at all`() async throws {
        try await withStore { store, path in
            // A trigger that refuses the last row of the transaction, as a full disk would.
            try await store.run(
                "CREATE TRIGGER refuse BEFORE INSERT ON idempotency BEGIN SELECT raise(ABORT, 'full'); END")
            await #expect(throws: StoreError.self) {
                _ = try await store.execute(creating(), key: "k", correlationID: "c")
            }
            #expect(try await store.unpublished(limit: 10).isEmpty)
            #expect(try await store.count("loan") == 0)

            try await store.run("DROP TRIGGER refuse")
            _ = try await store.execute(creating(), key: "k", correlationID: "c")
            #expect(try await store.count("loan") == 1)
            #expect(try await store.count("idempotency") == 1)
            #expect(try await store.unpublished(limit: 10).count == 1)
        }
    }

    @Test func `keeps a loan's end even from the program itself`() async throws {
        try await withStore { store, _ in
            let loan = try await store.execute(creating(), key: nil, correlationID: "c")
            _ = try await store.execute(.cancel(loanID: loan.loanID, reason: ""), key: nil, correlationID: "c")
            await #expect(throws: (any Error).self) {
                try await store.run("UPDATE loan SET status = 'paid_out', reference = 'x'")
            }
            #expect(try await store.loan(loan.loanID)?.status == .canceled)
        }
    }

    @Test func `gives back an envelope as it was put in`() async throws {
        try await withStore { store, _ in
            let trace = TraceContext(
                traceparent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", tracestate: "a=b")
            let outcome = try await store.execute(creating(), key: nil, correlationID: "c", trace: trace)
            let row = try #require(try await store.unpublished(limit: 1).first)
            #expect(row.envelope.id.rawValue == outcome.eventID)
            #expect(row.envelope.trace == trace)
            #expect(row.envelope.source == "/payout" && row.envelope.contentType == "application/json")
            #expect(row.envelope.partitionKey == outcome.loanID && row.envelope.subject == outcome.loanID)
            let event = try row.envelope.decode(LoanCreated.self)
            #expect(event.occurredAt.milliseconds == row.envelope.time.milliseconds)
        }
    }

    @Test func `answers with the milliseconds that it keeps`() async throws {
        for offset in 0..<1_000 {
            let date = Date(milliseconds: 1_795_418_000_000 + Int64(offset))
            let digits = String(1_000 + offset).dropFirst()
            #expect(LoanView.timestamp(date) == "2026-11-23T07:13:20.\(digits)Z")
        }
        #expect(LoanView.timestamp(Date(milliseconds: -1)) == "1969-12-31T23:59:59.999Z")
    }

    @Test func `removes what is old and published, and nothing else`() async throws {
        try await withStore { store, _ in
            for index in 0..<3 {
                _ = try await store.execute(creating(), key: "k-\(index)", correlationID: "c")
            }
            let rows = try await store.unpublished(limit: 10)
            try await store.markPublished([rows[0].id])
            #expect(try await store.prune(olderThan: Date().addingTimeInterval(-3_600)) == 0)
            // One published event and three answers; the two unpublished events stay for ever.
            #expect(try await store.prune(olderThan: Date().addingTimeInterval(3_600)) == 4)
            #expect(try await store.unpublished(limit: 10).map(\.id) == [rows[1].id, rows[2].id])

            let next = try await store.execute(creating(), key: nil, correlationID: "c")
            #expect(try await store.unpublished(limit: 10).last?.envelope.id.rawValue == next.eventID)
            #expect(try await store.count("loan") == 4)
        }
    }

    @Test func `does not mix up commands that look alike`() throws {
        let amount = try Money(minorUnits: 1, currency: "SEK")
        let commands: [LoanCommand] = [
            .payOut(loanID: "a", reference: nil), .payOut(loanID: "a", reference: ""), .cancel(loanID: "a", reason: ""),
            .cancel(loanID: "a,0:", reason: ""), .cancel(loanID: "a", reason: "0:"),
            .create(borrower: Borrower(name: "a", email: "b"), amount: amount),
            .create(borrower: Borrower(name: "a,1:b", email: ""), amount: amount),
        ]
        #expect(Set(commands.map(\.canonicalForm)).count == commands.count)
    }
}
