import Logging
import NIOConcurrencyHelpers

/// The deliveries of a queue for as long as the client lives.
///
/// Iterating is what subscribes, each time on a channel of its own and under a new tag: at the first `next()`, and
/// again after a lost connection, a closed channel, or a consumer that the broker cancelled. Deliveries that were
/// buffered when a channel ended are dropped, since the broker delivers them again. Iterated by one task at a time.
///
/// Throws if the first subscription fails for a reason that trying again does not remove (no such queue, no
/// permission); `.closed` when the client was shut down; `.cancelled` when the task was. Ends after ``cancel()``.
public struct RecoveringDeliveries: AsyncSequence, Sendable {
    /// A delivery.
    public typealias Element = Delivery
    /// The module's error.
    public typealias Failure = AMQPError

    private let subscription: RecoveringSubscription

    init(client: AMQPClient, queue: String, prefetch: UInt16, exclusive: Bool, arguments: FieldTable) {
        subscription = RecoveringSubscription(
            client: client, queue: queue, prefetch: prefetch, exclusive: exclusive, arguments: arguments)
    }

    /// The queue's name.
    public var queue: String { subscription.queue }
    /// Whether the broker delivers at the moment.
    public var isSubscribed: Bool { subscription.isSubscribed }

    /// Takes deliveries one by one.
    public struct AsyncIterator: AsyncIteratorProtocol {
        let subscription: RecoveringSubscription

        /// The next delivery.
        public mutating func next() async throws(AMQPError) -> Delivery? {
            try await subscription.next()
        }

        /// The next delivery.
        public mutating func next(isolation actor: isolated (any Actor)?) async throws(AMQPError) -> Delivery? {
            try await subscription.next()
        }
    }

    /// Makes an iterator.
    public func makeAsyncIterator() -> AsyncIterator {
        AsyncIterator(subscription: subscription)
    }

    /// The deliveries in batches, for those who handle many at once; see ``Deliveries/batches(upTo:)``.
    ///
    /// A batch comes from one channel. It subscribes again as iterating one by one does.
    /// - Parameter limit: how many deliveries a batch has at most.
    public func batches(upTo limit: Int = 256) -> DeliveryBatches {
        precondition(limit > 0, "a batch holds at least one delivery")
        return DeliveryBatches(source: .subscription(subscription), limit: limit)
    }

    /// Stops the consumer: nothing new comes, what has arrived can still be taken and settled, then the sequence ends.
    public func cancel() async {
        await subscription.cancel()
    }
}

/// A subscription across connections.
///
///     unsubscribed ──subscribe──► subscribed ──lost──► unsubscribed
///          └─────── cancel ───────────┴──► cancelled (drains, then ends)
final class RecoveringSubscription: Sendable {
    private struct State {
        var current: Deliveries?
        var isSubscribed = false
        var isCancelled = false
        var wasSubscribed = false
        var failures = 0
    }

    private let box = NIOLockedValueBox(State())
    private let stop = Alarm()
    private let client: AMQPClient
    let queue: String
    private let prefetch: UInt16
    private let exclusive: Bool
    private let arguments: FieldTable

    init(client: AMQPClient, queue: String, prefetch: UInt16, exclusive: Bool, arguments: FieldTable) {
        self.client = client
        self.queue = queue
        self.prefetch = prefetch
        self.exclusive = exclusive
        self.arguments = arguments
    }

    var isSubscribed: Bool {
        box.withLockedValue { $0.isSubscribed && $0.current?.channel.isOpen == true }
    }

    func cancel() async {
        let current = box.withLockedValue { state in
            state.isCancelled = true
            state.isSubscribed = false
            return state.current
        }
        stop.ring()
        await current?.cancel()
    }

    func next() async throws(AMQPError) -> Delivery? {
        try await take { deliveries throws(AMQPError) in
            try await deliveries.queue.next().map { Delivery($0, channel: deliveries.channel) }
        }
    }

    func nextBatch(upTo limit: Int) async throws(AMQPError) -> DeliveryBatch? {
        try await take { deliveries throws(AMQPError) in
            try await deliveries.queue.next(upTo: limit).map {
                DeliveryBatch(messages: $0, channel: deliveries.channel)
            }
        }
    }

    /// Takes from the present subscription, or from the one that follows it.
    private func take<Taken>(
        _ body: (Deliveries) async throws(AMQPError) -> Taken?
    ) async throws(AMQPError) -> Taken? {
        while true {
            if let current = box.withLockedValue({ $0.current }) {
                do throws(AMQPError) {
                    return try await body(current)
                } catch {
                    guard error.code != .cancelled else { throw error }
                    lost(error)
                }
            }
            guard !box.withLockedValue({ $0.isCancelled }) else { return nil }
            do {
                try await subscribeUnlessStopped()
            } catch {
                try note(error)
            }
        }
    }

    private func lost(_ error: AMQPError) {
        box.withLockedValue { state in
            state.current = nil
            state.isSubscribed = false
            state.failures += 1
        }
        client.logger.info("the subscription ended", metadata: ["queue": "\(queue)", "error": "\(error)"])
    }

    private func note(_ error: AMQPError) throws(AMQPError) {
        let wasSubscribed = box.withLockedValue { state in
            state.failures += 1
            return state.wasSubscribed
        }
        switch error.code {
        case .cancelled: throw error
        // What it was called with was good once: all channels of the connection are in use.
        case .invalidArgument where !wasSubscribed: throw error
        case .closed where client.isClosed: throw error
        default: break
        }
        // A peer that breaks the protocol is one of several hosts, and the client goes on to the next.
        let isPassing = error.isRetriable || error.code == .closed || error.code == .protocolViolation
        guard wasSubscribed || isPassing else { throw error }
        client.logger.warning("cannot subscribe", metadata: ["queue": "\(queue)", "error": "\(error)"])
    }

    /// Subscribes; returns early when ``cancel()`` is called meanwhile.
    private func subscribeUnlessStopped() async throws(AMQPError) {
        enum Outcome: Sendable {
            case subscribed(Result<Deliveries, AMQPError>)
            case stopped
        }
        let error = await withTaskGroup(of: Outcome.self, returning: AMQPError?.self) { group in
            group.addTask {
                do throws(AMQPError) {
                    return .subscribed(.success(try await self.subscribe()))
                } catch {
                    return .subscribed(.failure(error))
                }
            }
            group.addTask {
                await self.stop.wait()
                return .stopped
            }
            var error: AMQPError?
            for await outcome in group {
                group.cancelAll()
                switch outcome {
                case .stopped: break
                case .subscribed(.failure(let failure)): error = failure
                case .subscribed(.success(let deliveries)): await self.adopt(deliveries)
                }
            }
            return error
        }
        if let error, !box.withLockedValue({ $0.isCancelled }) { throw error }
    }

    private func adopt(_ deliveries: Deliveries) async {
        let isWanted = box.withLockedValue { state in
            guard !state.isCancelled else { return false }
            state.current = deliveries
            state.isSubscribed = true
            state.wasSubscribed = true
            state.failures = 0
            return true
        }
        if !isWanted { await deliveries.channel.close() }
    }

    private func subscribe() async throws(AMQPError) -> Deliveries {
        let failures = box.withLockedValue { $0.failures }
        if failures > 0 {
            let delay = client.recovery.delay(afterFailures: failures, random: .random(in: 0..<1))
            do {
                try await Task.sleep(for: delay)
            } catch {
                throw AMQPError(.cancelled, "the task that subscribes was cancelled")
            }
        }
        let channel = try await client.connection(isToConsume: true).openChannel()
        return try await channel.consume(queue, prefetch: prefetch, exclusive: exclusive, arguments: arguments)
    }
}
