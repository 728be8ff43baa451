import LoanEvents

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// A loan as the service keeps it.
///
/// ```
/// (nothing) ── create ──► created ── payout ──► paid_out
///                            └────── cancel ──► canceled
/// ```
/// Nothing leads out of `paid_out` and `canceled`.
struct Loan: Equatable, Sendable {
    let id: String
    let borrower: Borrower
    let amount: Money
    var status: LoanStatus
    /// The reference of the payment; set by the payout.
    var reference: String?
    /// Why it was called off; set by the cancellation.
    var reason: String?
    let createdAt: Date
    var updatedAt: Date
}

/// What a command makes of a loan: its new state and the event that says so.
struct LoanChange: Sendable {
    let loan: Loan
    let event: any LoanEvent
}

extension Loan {
    /// A new loan.
    static func create(id: String, borrower: Borrower, amount: Money, at now: Date) -> LoanChange {
        let loan = Loan(
            id: id, borrower: borrower, amount: amount, status: .created, createdAt: now, updatedAt: now)
        return LoanChange(
            loan: loan, event: LoanCreated(loanID: id, borrower: borrower, amount: amount, occurredAt: now))
    }

    /// The loan paid out, or a conflict when that is not possible any more.
    func payOut(reference: String?, at now: Date) throws -> LoanChange {
        guard status.mayBecome(.paidOut) else { throw Problem.wrongStatus(self, wanted: "paid out") }
        var loan = self
        loan.status = .paidOut
        loan.updatedAt = now
        let reference = reference ?? Self.reference(for: id)
        loan.reference = reference
        return LoanChange(
            loan: loan,
            event: LoanPaidOut(
                loanID: id, borrower: borrower, amount: amount, reference: reference, occurredAt: now))
    }

    /// The loan called off, or a conflict when that is not possible any more.
    func cancel(reason: String, at now: Date) throws -> LoanChange {
        guard status.mayBecome(.canceled) else { throw Problem.wrongStatus(self, wanted: "canceled") }
        var loan = self
        loan.status = .canceled
        loan.updatedAt = now
        loan.reason = reason
        return LoanChange(
            loan: loan,
            event: LoanCanceled(
                loanID: id, borrower: borrower, amount: amount, reason: reason, occurredAt: now))
    }

    /// A reference of 15 characters, made of the random end of the loan's identifier.
    private static func reference(for id: String) -> String {
        "PO-" + String(id.filter { $0 != "-" }.suffix(12)).uppercased()
    }
}
