import GRDB
import Signing

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// What a command was answered with.
struct Outcome: Equatable, Sendable {
    let status: Int
    let body: [UInt8]
    let loanID: String
    let eventID: String
    let correlationID: String
    /// Whether this is the answer to an earlier request with the same key.
    var isReplayed = false
}

extension Outcome {
    /// What the same request was answered with before, or nil when the key is new.
    ///
    /// Only success is remembered: a refusal wrote nothing, and asking again is refused again.
    static func recall(_ key: String, for command: LoanCommand, in db: Database) throws -> Outcome? {
        let row = try Row.fetchOne(db, sql: "SELECT * FROM idempotency WHERE key = ?", arguments: [key])
        guard let row else { return nil }
        guard row["fingerprint"] as Data == fingerprint(of: command) else { throw Problem.keyReused }
        return Outcome(
            status: row["status"], body: Array(row["body"] as Data), loanID: row["loan_id"], eventID: row["event_id"],
            correlationID: row["correlation_id"], isReplayed: true)
    }

    /// Keeps the answer, in the transaction that did what it says.
    func remember(under key: String, for command: LoanCommand, at now: Date, in db: Database) throws {
        try db.execute(
            sql: """
                INSERT INTO idempotency (key, fingerprint, status, body, loan_id, event_id, correlation_id, created_at)
                VALUES (?, ?, ?, ?, ?, ?, ?, ?)
                """,
            arguments: [
                key, Self.fingerprint(of: command), status, Data(body), loanID, eventID, correlationID,
                now.milliseconds,
            ])
    }

    static func prune(olderThan date: Date, in db: Database) throws -> Int {
        try db.execute(
            sql: """
                DELETE FROM idempotency WHERE key IN (
                    SELECT key FROM idempotency WHERE created_at < ? LIMIT 1000)
                """, arguments: [date.milliseconds])
        return db.changesCount
    }

    private static func fingerprint(of command: LoanCommand) -> Data {
        Data(SHA256.digest(of: Array(command.canonicalForm.utf8)))
    }
}
