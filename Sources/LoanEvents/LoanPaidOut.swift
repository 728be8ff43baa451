public import Harebell

#if canImport(FoundationEssentials)
    public import FoundationEssentials
#else
    public import Foundation
#endif

/// A loan was paid out to its borrower, which happens to a loan once.
public struct LoanPaidOut: LoanEvent, Hashable {
    /// `loan.paid-out`.
    public static let eventType: EventType = "loan.paid-out"

    /// The loan is paid out from now on.
    public static let status = LoanStatus.paidOut

    /// The loan it happened to.
    public let loanID: String

    /// Who borrows.
    public let borrower: Borrower

    /// How much.
    public let amount: Money

    /// The reference of the payment, as the borrower's bank shows it.
    public let reference: String

    /// When it happened, by the clock of the payout service.
    public let occurredAt: Date

    /// Makes the event.
    public init(loanID: String, borrower: Borrower, amount: Money, reference: String, occurredAt: Date) {
        self.loanID = loanID
        self.borrower = borrower
        self.amount = amount
        self.reference = reference
        self.occurredAt = occurredAt
    }
}
