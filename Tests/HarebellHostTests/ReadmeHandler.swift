import Harebell
import LoanEvents

/// What the handler in the README needs around it, so that it is compiled.
struct FundsReserved: Event {
    static let eventType: EventType = "funds.reserved"
    let loanID: String
}

protocol Bank: Sendable {
    func knows(_ borrower: Borrower) async throws -> Bool
    func reserve(_ amount: Money, key: String) async throws
}

struct ReserveFunds: Handler {
    let bank: any Bank

    func handle(_ loan: LoanCreated, context: HandlerContext) async throws {
        guard try await bank.knows(loan.borrower) else { throw PermanentError("no such customer") }
        try await bank.reserve(loan.amount, key: context.idempotencyKey)  // the same key on every attempt
        try context.publish(FundsReserved(loanID: loan.loanID))
    }
}
