public import Harebell

extension InMemoryTransport {
    /// A message that was put aside.
    public struct DeadLetter: Sendable {
        /// The event, or why it cannot be read.
        public let content: Result<Envelope, MalformedMessage>
        /// Why it was put aside.
        public let reason: DeadLetterReason
        /// What is known about the failure.
        public let record: FailureRecord
        /// How often it had been replayed before.
        public let replayCount: Int

        /// The event, if it could be read.
        public var envelope: Envelope? { try? content.get() }
    }

    /// How a delivery was settled.
    public enum Settlement: Sendable, Hashable {
        /// Done.
        case acknowledged(EventID?)
        /// Handed back.
        case released(EventID?)
        /// A copy waits for its retry.
        case retried(EventID?, after: Duration, FailureRecord)
        /// A copy is a dead letter.
        case deadLettered(EventID?, DeadLetterReason, FailureRecord)
    }

    /// A queue's numbers.
    public struct Depth: Sendable, Hashable {
        /// Waiting to be delivered.
        public var ready = 0
        /// Delivered and not settled.
        public var unsettled = 0
        /// Waiting for a retry.
        public var delayed = 0
        /// Put aside.
        public var dead = 0

        /// Nothing anywhere, unless numbers are given.
        public init(ready: Int = 0, unsettled: Int = 0, delayed: Int = 0, dead: Int = 0) {
            self.ready = ready
            self.unsettled = unsettled
            self.delayed = delayed
            self.dead = dead
        }
    }

    /// Every event that was published, in order.
    public var published: [Envelope] { broker.value.published }

    /// The published events of one type, decoded.
    public func published<E: Event>(_ type: E.Type) throws -> [E] {
        try published.filter { $0.type == E.eventType }.map { try $0.decode(type) }
    }

    /// The events that nobody subscribed to.
    public var unrouted: [Envelope] { broker.value.unrouted }

    /// A service's dead letters, oldest first.
    public func deadLetters(of service: ServiceName) -> [DeadLetter] { broker.value.queues[service]?.dead ?? [] }

    /// How a service's deliveries were settled, in order.
    public func settlements(of service: ServiceName) -> [Settlement] {
        broker.value.queues[service]?.settlements ?? []
    }

    /// Waits until so many of a service's deliveries have been settled, in whatever way.
    public func waitForSettlements(
        of service: ServiceName, _ count: Int, within deadline: Duration = .seconds(10)
    ) async throws {
        try await broker.wait(within: deadline) { $0.queues[service]?.settlements.count ?? 0 >= count }
    }

    /// The delays of a service's retries, in order.
    public func retryDelays(of service: ServiceName) -> [Duration] {
        settlements(of: service).compactMap { if case .retried(_, let delay, _) = $0 { delay } else { nil } }
    }

    /// A queue's numbers.
    public func depth(of service: ServiceName) -> Depth { broker.value.depth(of: service) }

    /// Waits until a queue's numbers meet a condition.
    public func wait(
        for service: ServiceName, within deadline: Duration = .seconds(10),
        until condition: @escaping @Sendable (Depth) -> Bool
    ) async throws {
        try await broker.wait(within: deadline) { condition($0.depth(of: service)) }
    }

    /// Waits until the service consumes, so that what is published reaches it.
    public func waitForConsumer(of service: ServiceName, within deadline: Duration = .seconds(10)) async throws {
        try await broker.wait(within: deadline) { broker in
            broker.queues[service]?.consumers.contains { !$0.isStopped } ?? false
        }
    }

    /// Waits until an operation was called so often, successful or not; the last may not have had its effect yet.
    public func waitForCalls(of operation: Operation, _ count: Int) async throws {
        try await broker.wait { $0.calls[operation, default: 0] >= count }
    }

    /// Waits until the service has nothing to do: each message is done, dead, or waits for its retry.
    public func waitUntilSettled(_ service: ServiceName, within deadline: Duration = .seconds(10)) async throws {
        try await wait(for: service, within: deadline) { $0.ready == 0 && $0.unsettled == 0 }
    }

    /// Lets all retries happen: waits until the service is idle, moves the clock to the next retry, and so on until none
    /// is left.
    public func drain(_ service: ServiceName, within deadline: Duration = .seconds(10)) async throws {
        while true {
            try await waitUntilSettled(service, within: deadline)
            guard let due = broker.value.nextDue(of: service) else { return }
            clock.advance(to: due)
        }
    }
}
