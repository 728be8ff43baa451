/// Does a service's work for one type of event.
///
/// ```swift
/// struct SendReceipt: Handler {
///     let mailer: Mailer
///     func handle(_ loan: LoanPaidOut, context: HandlerContext) async throws {
///         try await mailer.send(receipt(for: loan), id: context.idempotencyKey)
///     }
/// }
/// ```
/// Returning means done: the message is acknowledged. Throwing means not done: what happens next is decided by the
/// error (see ``FailureClassifying``) and the ``RetryPolicy``. A handler may run more than once for the same event.
public protocol Handler<Message>: Sendable {
    /// The type of event it handles.
    associatedtype Message: Event
    /// Handles one event. Watch for cancellation: it is how timeouts and shutdown ask the handler to end.
    func handle(_ event: Message, context: HandlerContext) async throws
}
