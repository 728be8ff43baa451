import GRDB
import Harebell

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// An event that was written together with the change it tells of.
struct OutboxRow: Sendable {
    /// Its place in the order of publication.
    let id: Int64
    let loanID: String
    let envelope: Envelope
    /// For how long it has waited.
    let waiting: Duration
    /// Whether it was set aside, and its time has come.
    let isParked: Bool
}

extension OutboxRow {
    static func insert(_ envelope: Envelope, loanID: String, at now: Date, in db: Database) throws {
        let attributes = try String(decoding: json(StoredEnvelope(envelope)), as: UTF8.self)
        try db.execute(
            sql: "INSERT INTO outbox (event_id, loan_id, envelope, body, created_at) VALUES (?, ?, ?, ?, ?)",
            arguments: [envelope.id.rawValue, loanID, attributes, Data(envelope.body), now.milliseconds])
    }

    /// Unpublished rows in order, without those of loans that wait behind a parked one; behind them the parked one whose
    /// time has come first.
    ///
    /// One, since trying it may take long, and those before it are not to wait for it. There is no cursor: a row is found
    /// as long as it is not marked.
    static func fetch(limit: Int, at now: Date, in db: Database) throws -> [OutboxRow] {
        let fresh = try Row.fetchAll(
            db,
            sql: """
                SELECT id, loan_id, envelope, body, created_at FROM outbox AS candidate
                WHERE published_at IS NULL AND NOT EXISTS (
                    SELECT 1 FROM outbox AS parked
                    WHERE parked.published_at IS NULL AND parked.parked_until IS NOT NULL
                        AND parked.loan_id = candidate.loan_id AND parked.id <= candidate.id)
                ORDER BY id LIMIT ?
                """,
            arguments: [limit])
        let due = try Row.fetchAll(
            db,
            sql: """
                SELECT id, loan_id, envelope, body, created_at FROM outbox
                WHERE published_at IS NULL AND parked_until IS NOT NULL AND parked_until <= ?
                ORDER BY parked_until, id LIMIT 1
                """,
            arguments: [now.milliseconds])
        func rows(_ found: [Row], isParked: Bool) throws -> [OutboxRow] {
            try found.map { row in
                let stored = try JSONDecoder().decode(
                    StoredEnvelope.self, from: Data((row["envelope"] as String).utf8))
                return OutboxRow(
                    id: row["id"], loanID: row["loan_id"], envelope: stored.envelope(body: Array(row["body"] as Data)),
                    waiting: .milliseconds(max(0, now.milliseconds - row["created_at"] as Int64)), isParked: isParked)
            }
        }
        return try rows(fresh, isParked: false) + rows(due, isParked: true)
    }

    static func markPublished(_ ids: [Int64], at now: Date, in db: Database) throws {
        let statement = try db.cachedStatement(sql: "UPDATE outbox SET published_at = ? WHERE id = ?")
        for id in ids {
            try statement.execute(arguments: [now.milliseconds, id])
        }
    }

    static func park(_ id: Int64, until: Date, in db: Database) throws {
        try db.execute(
            sql: "UPDATE outbox SET parked_until = ? WHERE id = ?", arguments: [until.milliseconds, id])
    }

    static func prune(olderThan date: Date, in db: Database) throws -> Int {
        try db.execute(
            sql: """
                DELETE FROM outbox WHERE id IN (
                    SELECT id FROM outbox WHERE published_at < ? LIMIT 1000)
                """, arguments: [date.milliseconds])
        return db.changesCount
    }
}

/// Events that wait for the broker.
struct Backlog: Equatable, Sendable {
    let count: Int
    /// Nil when none waits.
    let oldestSeconds: Int?

    static func fetch(at now: Date, in db: Database) throws -> Backlog {
        let row = try Row.fetchOne(
            db,
            // The oldest is the first: both come out of the index, however many wait.
            sql: """
                SELECT (SELECT count(*) FROM outbox WHERE published_at IS NULL) AS count,
                    (SELECT created_at FROM outbox WHERE published_at IS NULL ORDER BY id LIMIT 1) AS oldest
                """)
        let oldest: Int64? = row?["oldest"]
        return Backlog(
            count: row?["count"] ?? 0, oldestSeconds: oldest.map { max(0, Int((now.milliseconds - $0) / 1_000)) })
    }
}
