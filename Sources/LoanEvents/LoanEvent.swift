public import Harebell

#if canImport(FoundationEssentials)
    public import FoundationEssentials
#else
    public import Foundation
#endif

/// What every event of a loan says.
///
/// Each event carries the whole picture a subscriber needs, so that none has to call the payout service back. The
/// loan's identifier is the ordering key: the events of one loan are published in the order in which they happened.
public protocol LoanEvent: Event {
    /// The loan it happened to.
    var loanID: String { get }

    /// Who borrows.
    var borrower: Borrower { get }

    /// How much.
    var amount: Money { get }

    /// When it happened, by the clock of the payout service.
    var occurredAt: Date { get }

    /// The status the loan has from then on.
    static var status: LoanStatus { get }
}

extension LoanEvent {
    /// The loan's identifier: events of one loan stay in order.
    public var partitionKey: String? { loanID }

    /// The loan's identifier.
    public var subject: String? { loanID }
}

/// The life of a loan as events, for tools that look an event up by its type.
public enum LoanLifecycle {
    /// Every event type that the payout service publishes.
    public static let events: [any LoanEvent.Type] = [LoanCreated.self, LoanPaidOut.self, LoanCanceled.self]
}
