public import Harebell

#if canImport(FoundationEssentials)
    public import FoundationEssentials
#else
    public import Foundation
#endif

/// A loan was agreed on; nothing has been paid yet.
public struct LoanCreated: LoanEvent, Hashable {
    /// `loan.created`.
    public static let eventType: EventType = "loan.created"

    /// The loan is created from now on.
    public static let status = LoanStatus.created

    /// The loan it happened to.
    public let loanID: String

    /// Who borrows.
    public let borrower: Borrower

    /// How much.
    public let amount: Money

    /// When it happened, by the clock of the payout service.
    public let occurredAt: Date

    /// Makes the event.
    public init(loanID: String, borrower: Borrower, amount: Money, occurredAt: Date) {
        self.loanID = loanID
        self.borrower = borrower
        self.amount = amount
        self.occurredAt = occurredAt
    }
}
