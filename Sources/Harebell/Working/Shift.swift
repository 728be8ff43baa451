import Logging
import ServiceLifecycle
import Synchronization

/// One run of a worker on one endpoint, from the first delivery to the close.
///
/// Tasks: one takes deliveries, one carries out the ``TakingPlan``, one watches timeouts, one waits for shutdown, and each
/// delivery that may run has one, or each batch. Deliveries that wait in the lane of their key have none.
///
/// Shutdown, in this order: nothing new is started · the endpoint stops · running handlers finish, for at most the grace
/// period, which begins with the signal, whatever the endpoint does · the rest is cancelled and has ``endingPeriod`` to
/// end, and after it an endpoint that has not stopped · what is unsettled is handed back one by one, the first arrival
/// first · the endpoint closes · handlers that ignore their cancellation are waited for.
///
/// Not generic over the endpoint: what is done for each message would ask the runtime for types again and again.
final class Shift: Sendable {
    /// A delivery in the order of arrival, with the lane it runs in; shared, for a delivery is large.
    final class Arrival: Sendable {
        let number: Int
        let delivery: TransportDelivery
        /// The worker's uptime when it arrived.
        let time: Duration
        let lane: String?

        init(number: Int, delivery: TransportDelivery, time: Duration, lane: String?) {
            self.number = number
            self.delivery = delivery
            self.time = time
            self.lane = lane
        }
    }

    let service: ServiceName
    let table: SubscriptionTable
    let configuration: WorkerConfiguration
    let endpoint: any TransportEndpoint
    let publish: @Sendable (Envelope) async throws -> Void
    let logger: Logger
    let metrics: WorkerMetrics
    let plan: Watched<TakingPlan>
    let ledger: Ledger
    let stuck: StuckHandlers
    /// Held by whoever hands back, for the sake of the order.
    let handingBack = Mutex(())
    let deadlines: HandlerDeadlines
    let isTraced = Shift.isInstrumented
    let lineup = Watched(Lineup<Arrival>())
    let beyond = TasksBeyond()
    /// What is to run and was not begun by an arrival: batches, and what comes out of a lane behind one.
    let works: AsyncStream<Work>
    let work: AsyncStream<Work>.Continuation

    /// How long cancelled handlers may take to end before their messages are handed back regardless.
    static let endingPeriod: Duration = .seconds(1)

    init(
        service: ServiceName, table: SubscriptionTable, configuration: WorkerConfiguration,
        plan: Watched<TakingPlan>, endpoint: any TransportEndpoint, logger: Logger,
        metrics: WorkerMetrics, publish: @escaping @Sendable (Envelope) async throws -> Void
    ) {
        self.service = service
        self.table = table
        self.configuration = configuration
        self.endpoint = endpoint
        self.publish = publish
        self.logger = logger
        self.metrics = metrics
        let deadlines = HandlerDeadlines(clock: configuration.clock)
        self.deadlines = deadlines
        self.stuck = StuckHandlers(deadlines)
        self.plan = plan
        (works, work) = AsyncStream.makeStream()
        self.ledger = Ledger(
            InHand(
                longestWait: WorkerConfiguration.longestStay - table.longestTimeout,
                concurrency: configuration.concurrency, rate: configuration.rateLimit),
            clock: configuration.clock, admission: { plan.read(\.admission) },
            lookAgain: { ledger, uptime in
                _ = deadlines.add(at: uptime) { [weak ledger] in ledger?.review() }
            })
    }

    private enum Ended { case following, gracePeriod, taking }

    /// Works until shutdown, cancellation, or the end of the deliveries.
    /// - Parameter opened: how the endpoint was opened.
    func run(opened: Taking) async throws {
        plan.change { $0.begins() }
        try await withThrowingTaskGroup(of: Ended.self) { group in
            defer { group.cancelAll() }
            group.addTask {
                await self.deadlines.run()
                return .following
            }
            group.addTask {
                await self.followPlan(opened: opened)
                return .following
            }
            group.addTask { await self.waitForShutdown() }
            group.addTask {
                try await self.takeAll(from: self.endpoint)
                return .taking
            }
            while let ended = try await group.next(), ended != .taking {
                if ended == .gracePeriod { group.cancelAll() }
            }
        }
    }

    /// Ends when the grace period is over.
    ///
    /// That is not the endpoint's to prolong: a broker that is gone may never say that it has stopped.
    private func waitForShutdown() async -> Ended {
        guard (try? await gracefulShutdown()) != nil else { return .following }
        stopStarting()
        let end = configuration.clock.uptime() + configuration.gracePeriod
        await withDiscardingTaskGroup { group in
            group.addTask { await self.endpoint.stop() }
            try? await configuration.clock.alarm(end)
            group.cancelAll()
        }
        return .gracePeriod
    }

    private func stopStarting() {
        ledger.stop()
        plan.change { $0.ends() }
        lineup.change { $0.closeAll() }
    }

    private func takeAll(from endpoint: some TransportEndpoint) async throws {
        let failure = await withDiscardingTaskGroup(returning: (any Error)?.self) { group in
            if table.hasBatches { group.addTask { await self.runBatches() } }
            // Inside the group, so that its tasks find this done when they are cancelled.
            let failure = await withTaskCancellationHandler {
                await startAll(from: endpoint, in: &group)
            } onCancel: {
                beyond.cancelAll()
            }
            beyond.cancelAll()
            group.cancelAll()
            // The end must come off in a cancelled task too, so it has one of its own; it is waited for right here.
            await Task { await self.finish() }.value
            return failure
        }
        if let failure { throw failure }
    }

    /// Starts what comes until nothing comes any more, and waits for its end, at most for the grace period.
    private func startAll(
        from endpoint: some TransportEndpoint, in group: inout DiscardingTaskGroup
    ) async -> (any Error)? {
        var failure: (any Error)?
        do {
            for try await delivery in endpoint.deliveries { start(delivery, in: &group) }
            if !ledger.isStopping, !Task.isCancelled {
                failure = HarebellError(.endpointEnded, "the deliveries of \"\(service)\" ended by themselves")
            }
        } catch {
            failure = Task.isCancelled || ledger.isStopping ? nil : error
        }
        stopStarting()
        await configuration.clock.run(for: configuration.gracePeriod) { await self.ledger.idle() }
        return failure
    }

    private func finish() async {
        let clock = configuration.clock
        await clock.run(for: Self.endingPeriod) { await self.ledger.idle() }
        // It was asked before, unless this end came without a signal. A broker that does not answer delivers nothing either.
        await clock.run(for: Self.endingPeriod) { await self.endpoint.stop() }
        handBack { ledger.takeAll() }
        await endpoint.close()
    }

    private func start(_ delivery: TransportDelivery, in group: inout DiscardingTaskGroup) {
        let now = configuration.clock.uptime()
        let number = admit(delivery, at: now)
        guard !ledger.isStopping else { return }  // Handed back with the rest.
        let key = (try? delivery.content.get().partitionKey).flatMap { $0.isEmpty ? nil : $0 }
        let arrival = Arrival(number: number, delivery: delivery, time: now, lane: key)
        handBackLate()
        guard ledger.holds(number) else { return }
        if table.hasBatches, collect(arrival) { return }
        if let key, !lineup.change({ $0.enter(arrival, key: key) }) { return }
        ledger.taskBegan()
        group.addTask {
            await self.runLane(from: arrival)
            self.ledger.taskEnded()
        }
    }

    /// Processes one delivery, and those that come out of its lane behind it.
    func runLane(from arrival: Arrival) async {
        var next: Arrival? = arrival
        while let current = next {
            // The timeout of one must not cancel those behind it.
            if isUsedUp {
                await beyond.run { await self.process(current) }
            } else {
                await process(current)
            }
            next = current.lane.flatMap { leave($0) }
        }
    }

    /// A delivery has ended, and leaves its lane: the next one, if it is handled alone.
    func leave(_ lane: String) -> Arrival? {
        guard table.hasBatches else {
            return lineup.change { $0.leave(lane, seat: { _ in nil }, now: { .zero }).single }
        }
        return leaveBeforeBatches(lane)
    }
}
