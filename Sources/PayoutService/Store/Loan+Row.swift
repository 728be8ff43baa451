import GRDB
import LoanEvents

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

extension Loan {
    /// The loan with an identifier.
    static func fetch(_ id: String, in db: Database) throws -> Loan? {
        guard let row = try Row.fetchOne(db, sql: "SELECT * FROM loan WHERE id = ?", arguments: [id]) else {
            return nil
        }
        guard let status = LoanStatus(rawValue: row["status"]) else {
            throw StoreError(message: "the database holds a loan with an unknown status")
        }
        return Loan(
            id: row["id"],
            borrower: Borrower(name: row["borrower_name"], email: row["borrower_email"]),
            amount: try Money(minorUnits: row["minor_units"], currency: row["currency"]),
            status: status, reference: row["reference"], reason: row["reason"],
            createdAt: Date(milliseconds: row["created_at"]), updatedAt: Date(milliseconds: row["updated_at"]))
    }

    /// Inserts the loan, or writes its new state over the old one.
    func save(in db: Database) throws {
        try db.execute(
            sql: """
                INSERT INTO loan (id, borrower_name, borrower_email, minor_units, currency, status, reference, reason,
                    created_at, updated_at)
                VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
                ON CONFLICT (id) DO UPDATE SET status = excluded.status, reference = excluded.reference,
                    reason = excluded.reason, updated_at = excluded.updated_at
                """,
            arguments: [
                id, borrower.name, borrower.email, amount.minorUnits, amount.currency, status.rawValue, reference,
                reason, createdAt.milliseconds, updatedAt.milliseconds,
            ])
    }
}

extension Date {
    /// Milliseconds since 1970, the precision that is kept and that travels.
    var milliseconds: Int64 { Int64((timeIntervalSince1970 * 1_000).rounded()) }

    init(milliseconds: Int64) {
        self.init(timeIntervalSince1970: Double(milliseconds) / 1_000)
    }
}
