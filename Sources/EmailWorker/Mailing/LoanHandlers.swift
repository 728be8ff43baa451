import Harebell
import LoanEvents

/// Tells the borrower that the money is on its way.
struct SendPayoutMail: Handler {
    let mailer: Mailer

    func handle(_ event: LoanPaidOut, context: HandlerContext) async throws {
        try await mailer.send(LoanMail(event), to: event.borrower, context: context)
    }
}

/// Tells the borrower that the loan is called off.
struct SendCancellationMail: Handler {
    let mailer: Mailer

    func handle(_ event: LoanCanceled, context: HandlerContext) async throws {
        try await mailer.send(LoanMail(event), to: event.borrower, context: context)
    }
}
