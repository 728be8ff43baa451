public import Harebell

/// The reference system's services, as the tools need to know them: who subscribes to what and who publishes what.
///
/// The services themselves do not read this. The system tests run `harebell topology verify` against what the running
/// services declared, which reports a binding too few or too many.
public enum LoanServices {
    /// Takes requests, keeps the loans, publishes what happens to them.
    public static let payout = EndpointDescription(
        service: "payout", subscribes: [],
        publishes: [LoanCreated.eventType, LoanPaidOut.eventType, LoanCanceled.eventType])
    /// Writes to the borrower.
    public static let email = EndpointDescription(
        service: "email", subscribes: [LoanPaidOut.eventType, LoanCanceled.eventType])
    /// Draws up the receipt.
    public static let pdf = EndpointDescription(service: "pdf", subscribes: [LoanPaidOut.eventType])
    /// Reports every change of a loan's status to the partner, in order.
    public static let partner = EndpointDescription(
        service: "partner",
        subscribes: [LoanCreated.eventType, LoanPaidOut.eventType, LoanCanceled.eventType])

    /// All of them.
    public static let all = [payout, email, pdf, partner]
}
