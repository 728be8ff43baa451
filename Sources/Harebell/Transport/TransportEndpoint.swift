/// The receiving end of one service: deliveries, and the ways to settle them.
///
/// Every delivery is settled once: acknowledged, released, or replaced by a durable copy. A receipt whose channel is
/// gone is ignored: the broker delivers that message again by itself.
public protocol TransportEndpoint: Sendable {
    /// The stream of deliveries.
    associatedtype Deliveries: AsyncSequence & Sendable where Deliveries.Element == TransportDelivery

    /// Iterated once; ends after ``stop()``, when what was already received has come out.
    var deliveries: Deliveries { get }

    /// Whether the delivery can still be settled: its channel is open. Otherwise the message comes again by itself, and the
    /// worker does not begin with this delivery.
    func isCurrent(_ delivery: TransportDelivery) -> Bool
    /// The outcome is durable: the message may be forgotten.
    func acknowledge(_ delivery: TransportDelivery)
    /// Hands the message back unhandled; that is not an attempt.
    func release(_ delivery: TransportDelivery)
    /// Stores a copy that comes back after the delay, waits until it is durable, then acknowledges.
    ///
    /// The copy carries `record.attempts` and `record.unhandledCount`. When this throws, the delivery is still unsettled
    /// and the worker repeats the call. A stale receipt (its channel is gone) needs no copy: return without storing one.
    func retry(_ delivery: TransportDelivery, after delay: Duration, record: FailureRecord) async throws
    /// Stores a copy in the dead-letter queue, waits until it is durable, then acknowledges.
    ///
    /// When this throws, the delivery is still unsettled and the worker repeats the call. A stale receipt needs no copy.
    func deadLetter(
        _ delivery: TransportDelivery, reason: DeadLetterReason, record: FailureRecord
    ) async throws
    /// Changes how messages are taken; an endpoint opens with ``Taking/many(prefetch:)``.
    ///
    /// Returns when the former way has ended: whatever it took has come out of ``deliveries``, or is back in the queue.
    /// So after ``Taking/nothing`` the endpoint holds nothing, and nothing comes before the next change. Each
    /// ``Taking/one`` takes one message more, also when the last change was the same. Ends in bounded time also when the
    /// broker is gone; does nothing after ``stop()``. Called by one task at a time.
    /// - Returns: how many deliveries have come out of ``deliveries`` so far. The worker waits until it has seen them all,
    ///   for one that it sees only later would be overtaken by those that it hands back.
    func take(_ taking: Taking) async -> Int
    /// Stops taking messages; ``deliveries`` ends after it.
    ///
    /// Ends in bounded time also when the broker is gone. Idempotent, like ``close()``.
    func stop() async
    /// Flushes what was settled and closes; nothing is settled afterwards.
    func close() async
}
