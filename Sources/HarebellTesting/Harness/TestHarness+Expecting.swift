public import Harebell

/// What came of the events: everything here is in the order in which it happened.
extension TestHarness {
    /// The events of one type that were published, by the test and by handlers.
    /// - Throws: `HarebellError` when one of them cannot be decoded.
    public func published<E: Event>(_ type: E.Type) throws -> [E] { try transport.published(type) }

    /// The events of one type that nobody subscribes to.
    public func unrouted<E: Event>(_ type: E.Type) throws -> [E] {
        try transport.unrouted.filter { $0.type == E.eventType }.map { try $0.decode(type) }
    }

    /// The events of one type that a service has handled: its handler returned, and what it published is stored.
    public func handled<E: Event>(_ type: E.Type, by service: ServiceName) throws -> [E] {
        try (transport.broker.value.queues[service]?.handled ?? [])
            .filter { $0.type == E.eventType }.map { try $0.decode(type) }
    }

    /// The events of one type that a service has put aside, and why.
    public func deadLettered<E: Event>(_ type: E.Type, by service: ServiceName) -> [InMemoryTransport.DeadLetter] {
        deadLetters(of: service).filter { $0.envelope?.type == E.eventType }
    }

    /// All that a service has put aside, also what it could not read.
    public func deadLetters(of service: ServiceName) -> [InMemoryTransport.DeadLetter] {
        transport.deadLetters(of: service)
    }

    /// The failures after which a service tries again later: how long it waits, and what had happened.
    public func retried(by service: ServiceName) -> [(delay: Duration, failure: FailureRecord)] {
        transport.settlements(of: service).compactMap {
            if case .retried(_, let delay, let record) = $0 { (delay, record) } else { nil }
        }
    }

    /// How many events of a service wait for a retry now.
    public func waitingForRetry(of service: ServiceName) -> Int { transport.depth(of: service).delayed }

    /// Puts a service's dead letters back, as an operator does once the cause is mended.
    public func replayDeadLetters(of service: ServiceName) {
        for letter in deadLetters(of: service) { transport.replay(letter, to: service) }
    }
}
