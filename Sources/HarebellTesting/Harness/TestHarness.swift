public import Harebell
public import Logging
import ServiceLifecycle
import Synchronization

/// Services with their real workers on a broker in memory and a clock that the test moves.
///
/// ```swift
/// let harness = TestHarness()
/// harness.service("email") { SendReceipt(mailer: mailer) }
/// try await harness.running {
///     try await harness.publish(LoanPaidOut(loanID: "L1"), from: "payout")
///     try await harness.settle()
///     #expect(harness.handled(LoanPaidOut.self, by: "email").count == 1)
///     #expect(try harness.published(ReceiptSent.self).map(\.loanID) == ["L1"])
/// }
/// ```
/// Nothing happens by itself but what is due: a retry waits until ``advance(by:within:)`` or ``settleRetries(within:)`` moves the clock
/// to it, so ten retries over an hour take no time. Immediate retries and backoffs move the clock themselves, and
/// ``settle(within:)`` moves it to the end of what batches that are not full wait for.
public final class TestHarness: Sendable {
    /// The broker, for what the harness has no word for: making publishes fail, looking at queues.
    public let transport: InMemoryTransport
    /// The clock of broker and workers.
    public let clock: ManualClock
    private let logger: Logger
    private let workers = Mutex<[ServiceName: Worker<InMemoryTransport>]>([:])

    /// A harness without services.
    /// - Parameter logger: where workers log; nowhere unless given.
    public init(logger: Logger = Logger(label: "harness") { _ in SwiftLogNoOpLogHandler() }) {
        clock = ManualClock(skipsSleeps: true)
        transport = InMemoryTransport(clock: clock)
        self.logger = logger
    }

    /// Adds a service with its handlers, before ``running(_:)``.
    /// - Parameters:
    ///   - name: the service.
    ///   - configuration: how it works; its clock is replaced by the harness's, and jitter is left out.
    ///   - subscriptions: what it handles.
    /// - Precondition: no service of that name was added.
    public func service(
        _ name: ServiceName, configuration: WorkerConfiguration = WorkerConfiguration(),
        @SubscriptionBuilder _ subscriptions: () -> [Subscription]
    ) {
        var configuration = configuration
        configuration.clock = clock.workerClock
        configuration.randomness = .constant(0.5)
        let worker = Worker(
            service: name, transport: transport, configuration: configuration, logger: logger, subscriptions)
        let isNew = workers.withLock { $0.updateValue(worker, forKey: name) == nil }
        precondition(isNew, "the service \"\(name)\" was added twice")
    }

    /// Runs all services for the time of the body: they consume when it begins, and have stopped when this returns.
    ///
    /// - Throws: what the body throws, or what a service threw that could not start.
    public func running<Result: Sendable>(
        _ body: @escaping @Sendable () async throws -> Result
    ) async throws -> Result {
        let workers = workers.withLock { $0 }
        precondition(!workers.isEmpty, "the harness has no service")
        let services = ServiceGroup(services: Array(workers.values), logger: logger)
        return try await withThrowingTaskGroup(of: Result?.self) { group in
            group.addTask {
                try await services.run()
                return nil
            }
            group.addTask {
                for name in workers.keys { try await self.transport.waitForConsumer(of: name) }
                return try await body()
            }
            defer { group.cancelAll() }
            var result: Result?
            while let ended = try await group.next() {
                guard let ended else { continue }
                result = ended
                await services.triggerGracefulShutdown()
            }
            guard let result else { throw CancellationError() }
            return result
        }
    }

    /// Publishes an event, as another service would.
    /// - Returns: the event's id, which stays the same through retries, dead letters and replays.
    @discardableResult
    public func publish(
        _ event: some Event, from producer: ServiceName = "test", correlationID: String? = nil
    ) async throws -> EventID {
        let envelope = try Envelope(event, producer: producer, time: clock.now, correlationID: correlationID)
        try await transport.publish(envelope)
        return envelope.id
    }

    // MARK: Waiting

    private var services: [ServiceName] { workers.withLock { Array($0.keys) } }

    /// Waits until no service has anything to do: every event is handled, put aside, or waits for its retry.
    ///
    /// Events that handlers published count too. Batches that are not full are waited for: the clock moves to their end.
    /// - Throws: ``WaitedTooLong`` with the queues' numbers.
    public func settle(within deadline: Duration = .seconds(10)) async throws {
        try await settleButBatches(within: deadline)
        while let end = nextBatch {
            clock.advance(to: end)
            try await settleButBatches(within: deadline)
        }
    }

    /// Waits until nothing is to do but, for batches that are not full, to wait.
    private func settleButBatches(within deadline: Duration) async throws {
        let end = ContinuousClock.now + deadline
        let workers = workers.withLock { $0 }
        guard workers.values.contains(where: \.hasBatches) else { return try await idle(within: deadline) }
        // What a worker collects is not the broker's to tell, so it is asked again and again.
        while !workers.allSatisfy({ isIdleButBatches($0.value) }) {
            guard ContinuousClock.now < end else { throw tooLong(deadline) }
            try await Task.sleep(for: .milliseconds(1))
        }
    }

    private func isIdleButBatches(_ worker: Worker<InMemoryTransport>) -> Bool {
        let collecting = worker.collecting
        let depth = transport.depth(of: worker.service)
        guard let collecting else { return depth.isIdle }
        // What its hands are too full for waits with the rest.
        return depth.unsettled == collecting.count && collecting.until > clock.uptime
    }

    private func idle(within deadline: Duration) async throws {
        let services = services
        do {
            try await transport.broker.wait(within: deadline) { broker in
                services.allSatisfy { broker.depth(of: $0).isIdle }
            }
        } catch is WaitedTooLong {
            throw tooLong(deadline)
        }
    }

    private func tooLong(_ deadline: Duration) -> WaitedTooLong {
        let depths = services.map { ($0, transport.depth(of: $0)) }.filter { !$0.1.isIdle }
        return WaitedTooLong(
            deadline: deadline,
            value: depths.map { "\($0): \($1.ready) not begun, \($1.unsettled) not finished" }.sorted()
                .joined(separator: "; "))
    }

    /// Moves the clock, from one retry or end of a batch to the next, and lets each be handled at its time.
    public func advance(by duration: Duration, within deadline: Duration = .seconds(10)) async throws {
        let target = clock.uptime + duration
        try await settleButBatches(within: deadline)
        while let due = [nextRetry, nextBatch].compactMap({ $0 }).min(), due <= target {
            clock.advance(to: due)
            try await settleButBatches(within: deadline)
        }
        clock.advance(to: target)
        try await settleButBatches(within: deadline)
    }

    /// Moves the clock until no retry is left: every event is handled or put aside.
    public func settleRetries(within deadline: Duration = .seconds(10)) async throws {
        try await settle(within: deadline)
        while let due = nextRetry {
            clock.advance(to: due)
            try await settle(within: deadline)
        }
    }

    /// When the first of the batches that are not full ends.
    private var nextBatch: Duration? {
        workers.withLock { $0 }.values.compactMap { $0.collecting?.until }.min()
    }

    private var nextRetry: Duration? {
        let broker = transport.broker.value
        return services.compactMap { broker.nextDue(of: $0) }.min()
    }
}

extension InMemoryTransport.Depth {
    fileprivate var isIdle: Bool { ready == 0 && unsettled == 0 }
}
