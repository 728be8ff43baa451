public import Harebell

/// The in-memory transport under the conformance suite, on a clock that the scenario moves.
public struct InMemoryTransportUnderTest: TransportUnderTest {
    /// The one broker of the scenario.
    public let broker: InMemoryTransport
    /// How long something may take that has to happen.
    public let patience: Duration

    /// An empty broker.
    public init(patience: Duration = .seconds(10)) {
        broker = InMemoryTransport(clock: ManualClock(skipsSleeps: true))
        self.patience = patience
    }

    /// The broker's clock.
    public var clock: WorkerClock { broker.clock.workerClock }
    /// Time passes by ``elapse(_:)`` only.
    public var isClockManual: Bool { true }
    /// Ten seconds: a handler's timeout is on the same clock, and sixty times as long.
    public var delay: Duration { .seconds(10) }

    /// The broker itself: it serves any number of clients.
    public func makeTransport() -> InMemoryTransport { broker }

    /// Moves the clock.
    public func elapse(_ duration: Duration) { broker.clock.advance(by: duration) }

    /// The queue's numbers.
    public func depth(of service: ServiceName) -> TransportDepth {
        let depth = broker.depth(of: service)
        return TransportDepth(ready: depth.ready, waiting: depth.delayed, dead: depth.dead)
    }

    /// The service's dead letters.
    public func deadLetters(of service: ServiceName) -> [StoredDeadLetter] {
        broker.deadLetters(of: service).map { letter in
            StoredDeadLetter(
                id: letter.envelope?.id.rawValue, reason: letter.reason.rawValue, body: letter.envelope?.body,
                attempts: letter.record.attempts, errorType: letter.record.errorType,
                errorMessage: letter.record.errorMessage, fingerprint: letter.record.fingerprint,
                handler: letter.record.handler, firstFailedAt: letter.record.firstFailedAt,
                failedAt: letter.record.failedAt, replayCount: letter.replayCount,
                correlationID: letter.envelope?.correlationID)
        }
    }

    /// Replays the service's dead letters.
    public func replayDeadLetters(of service: ServiceName) {
        for letter in broker.deadLetters(of: service) { broker.replay(letter, to: service) }
    }

    /// The events without a subscriber.
    public func unrouted() -> [EventID] { broker.unrouted.map(\.id) }

    /// Puts something into the queue that is no event.
    public func putMalformed(to service: ServiceName) {
        broker.deliver(.failure(MalformedMessage(message: "no event")), to: service)
    }

    /// Requeues what is in the consumers' hands.
    public func loseConnections() { broker.loseConnections() }

    /// Lets retries and dead letters fail, five times each.
    ///
    /// The worker's backoffs take no time on this clock, so a failure without end would be tried without end.
    public func preventStoring(of service: ServiceName) {
        broker.fail(.retry, times: 5)
        broker.fail(.deadLetter, times: 5)
    }

    /// Lets them succeed.
    public func allowStoring(of service: ServiceName) {
        broker.mend(.retry)
        broker.mend(.deadLetter)
    }
}
