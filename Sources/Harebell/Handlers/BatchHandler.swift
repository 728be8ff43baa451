/// Does a service's work for several events of one type at a time.
///
/// ```swift
/// struct BookPayouts: BatchHandler {
///     let book: Book
///
///     func handle(_ batch: EventBatch<LoanPaidOut>) async throws {
///         let refused = try await book.insert(batch.events, keys: batch.map(\.context.idempotencyKey))
///         for (index, reason) in refused { batch[index].fail(PermanentError(reason)) }
///     }
/// }
/// ```
/// Returning means that all events are done, except those that were failed one by one. Throwing means that none is, except
/// those that were settled one by one. What follows for each event is what follows for an event that is handled alone, with
/// its own count of attempts. A handler may run more than once for the same event, and in other company.
public protocol BatchHandler<Message>: Sendable {
    /// The type of event it handles.
    associatedtype Message: Event
    /// Handles one batch. Watch for cancellation: it is how timeouts and shutdown ask the handler to end.
    func handle(_ batch: EventBatch<Message>) async throws
}
