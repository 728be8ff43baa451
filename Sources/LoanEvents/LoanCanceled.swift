public import Harebell

#if canImport(FoundationEssentials)
    public import FoundationEssentials
#else
    public import Foundation
#endif

/// A loan was called off before it was paid out.
public struct LoanCanceled: LoanEvent, Hashable {
    /// `loan.canceled`.
    public static let eventType: EventType = "loan.canceled"

    /// The loan is canceled from now on.
    public static let status = LoanStatus.canceled

    /// The loan it happened to.
    public let loanID: String

    /// Who borrows.
    public let borrower: Borrower

    /// How much.
    public let amount: Money

    /// Why, in the words of whoever called it off; may be empty.
    public let reason: String

    /// When it happened, by the clock of the payout service.
    public let occurredAt: Date

    /// Makes the event.
    public init(loanID: String, borrower: Borrower, amount: Money, reason: String, occurredAt: Date) {
        self.loanID = loanID
        self.borrower = borrower
        self.amount = amount
        self.reason = reason
        self.occurredAt = occurredAt
    }
}
