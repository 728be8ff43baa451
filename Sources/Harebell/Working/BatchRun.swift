/// A batch's way through the worker, from its beginning to the outcome of its last delivery.
///
/// Each delivery keeps its own ``DeliveryMachine``, and everything but the call is done for each of them as if it had come
/// alone. What they share:
///
/// | state | event | next state |
/// |---|---|---|
/// | begun | all are decoded; what cannot be (poison, expired) has been put aside, and no handler was called for it | calling, or ended if nothing is left |
/// | calling | returned: what was not failed one by one has succeeded | settling |
/// | calling | threw or ran into its timeout: what was not settled one by one has failed with that | settling |
/// | calling | ended by shutdown: what has not succeeded is handed back, uncounted | settling |
/// | settling | outcomes are stored: of one key in their order, of others beside each other | pausing if some are to be called again, else ended |
/// | pausing | the longest of their delays is over | calling, with those |
/// | any | shutdown | ended: what is unsettled is handed back |
///
/// Order within a key: an event whose predecessor in the batch is called again in place is called again behind it, though it
/// succeeded, and that call does not count; so nothing is acknowledged ahead of one that is still being tried here. When
/// the predecessor went to a delayed retry or to the dead letters, the order has ended, as it does without batches.
///
/// The breaker hears of each event that was failed one by one, and once of an error that was thrown, for that is one call.
struct BatchRun: Sendable {
    private struct Item: Sendable {
        let run: DeliveryRun
        let envelope: Envelope
        let event: any Event
        var position: DeliveryRun.Position
        var held = HeldBackEvents()
        var settlement = ItemSettlement()
    }

    /// One that needs no further call.
    private typealias Decided = (run: DeliveryRun, position: DeliveryRun.Position)

    private struct CallEnd {
        let result: Result<Void, any Error>
        let isInTime: Bool
        let duration: Duration
    }

    private let shift: Shift
    private let arrivals: [Shift.Arrival]
    private let route: SubscriptionTable.Route
    private let work: BatchWork
    private let began: Duration

    private var clock: WorkerClock { shift.configuration.clock }

    /// `nil` if there is nothing to run.
    init?(shift: Shift, arrivals: [Shift.Arrival]) {
        guard let first = arrivals.first, case .success(let envelope) = first.delivery.content,
            let route = shift.table[envelope.type], let work = route.subscription.batches
        else { return nil }
        self.shift = shift
        self.arrivals = arrivals
        self.route = route
        self.work = work
        self.began = shift.configuration.clock.uptime()
    }

    func run() async {
        var (items, decided) = receive()
        await settle(decided)
        while !items.isEmpty {
            (items, decided) = admit(items)
            await settle(decided)
            guard !items.isEmpty else { return }
            let isRepeated = items.contains { $0.position.wasCalled }
            let token = isRepeated ? shift.ledger.timeToToken : .zero
            guard items[0].run.hasTime(for: token) else {
                // They wait with the broker instead.
                for index in items.indices {
                    items[index].position.action = items[index].position.machine.postponed(
                        after: token, now: clock.now())
                }
                return await settle(items.map { ($0.run, $0.position) })
            }
            let wait = isRepeated ? shift.ledger.takeToken() : .zero
            guard await items[0].run.wait(wait) else { return await handBack(items) }
            let end = await call(&items)
            let pause: Duration
            (items, decided, pause) = decide(items, end)
            let isDue = clock.uptime() + pause
            await settle(decided)
            guard !items.isEmpty else { return }
            for _ in items { shift.metrics.pauseBegan() }
            let goesOn = await items[0].run.wait(max(.zero, isDue - clock.uptime()))
            for _ in items { shift.metrics.pauseEnded() }
            guard goesOn else { return await handBack(items) }
            for index in items.indices { items[index].position.action = items[index].position.machine.paused() }
        }
    }

    // MARK: Before the call

    private func receive() -> ([Item], [Decided]) {
        var (items, decided): ([Item], [Decided]) = ([], [])
        for arrival in arrivals {
            let run = DeliveryRun(shift: shift, arrival: arrival, batchSize: arrivals.count)
            var machine = run.makeMachine()
            let (action, prepared) = run.receive(&machine) { envelope, _ in (envelope, try work.decode(envelope)) }
            let position = DeliveryRun.Position(machine: machine, action: action, began: began)
            if let (envelope, event) = prepared {
                items.append(Item(run: run, envelope: envelope, event: event, position: position))
            } else {
                decided.append((run, position))
            }
        }
        return (items, decided)
    }

    /// Those that may be called now: the breaker may have opened, and storing what others were may have taken too long.
    private func admit(_ items: [Item]) -> ([Item], [Decided]) {
        var (admitted, decided): ([Item], [Decided]) = ([], [])
        for var item in items {
            if !shift.mayCall(item.run.arrival.number, again: item.position.wasCalled) {
                item.position.action = item.position.machine.postponed(after: shift.comesBack(), now: clock.now())
                decided.append((item.run, item.position))
            } else if !item.run.hasTime(for: route.timeout) {
                item.run.giveUp()
                item.position.action = item.position.machine.shutDown()
                decided.append((item.run, item.position))
            } else {
                admitted.append(item)
            }
        }
        return (admitted, decided)
    }

    // MARK: The call

    private func call(_ items: inout [Item]) async -> CallEnd {
        for index in items.indices {
            items[index].held = HeldBackEvents()
            items[index].settlement = ItemSettlement()
            items[index].position.wasCalled = true
        }
        let called = items
        let began = clock.uptime()
        let deadline = began + route.timeout
        let first = called[0]
        let attempt = first.position.machine.attempts
        shift.metrics.callBegan()
        let call = HandlerCall()
        let timeout = shift.deadlines.add(at: deadline) { [shift, route] in
            call.cancel()
            first.run.log.timedOut(attempt: attempt, after: route.timeout)
            shift.stuck.began(first.run.arrival.number, at: deadline) { overdue in
                first.run.log.ignoresCancellation(attempt: attempt, since: overdue)
                // Those of its keys wait for it.
                shift.handBackOverdue()
            }
        }
        let result = await call.resultInItsTask { [self] in
            try await shift.tracedBatch(
                of: route.subscription.eventType, called.map(\.envelope), handler: route.subscription.name,
                traces: called.map(\.run.trace)
            ) { try await work.call(called.map(workItem)) }
        }
        let isInTime = shift.deadlines.remove(timeout)
        if !isInTime { shift.stuck.ended(first.run.arrival.number) }
        shift.metrics.callEnded()
        return CallEnd(result: result, isInTime: isInTime, duration: clock.uptime() - began)
    }

    private func workItem(_ item: Item) -> BatchWork.Item {
        let attempt = item.position.machine.attempts
        let context = HandlerContext(
            envelope: item.envelope, service: shift.service, handler: route.subscription.name, attempt: attempt,
            held: item.held
        ) { [run = item.run] in run.log.logger(attempt: attempt) }
        return BatchWork.Item(event: item.event, context: context, settlement: item.settlement)
    }

    // MARK: After the call

    /// What has come of each, in the order of their arrival; those that are called again, and after which time.
    private func decide(_ items: [Item], _ end: CallEnd) -> (again: [Item], decided: [Decided], pause: Duration) {
        var (again, decided, pause): ([Item], [Decided], Duration) = ([], [], .zero)
        var calledAgain: Set<String> = []
        let thrown = error(of: end)
        var hasHeardOfThrown = false
        let metrics = items[0].run.metrics
        metrics.processed(result(of: end, thrown), duration: end.duration)
        for var item in items {
            let published = item.held.close()
            let own = item.settlement.close()
            let lane = item.run.arrival.lane
            switch own ?? end.result {
            case .success:
                metrics.attempted(.returned)
                shift.callSucceeded(item.run.arrival.number)
                if let lane, calledAgain.contains(lane) {
                    item.position.machine.repeats()
                    again.append(item)
                    continue
                }
                item.position.action = item.position.machine.returned(holding: published)
            case .failure where end.isInTime && Task.isCancelled:
                // Whatever it was: the call was cancelled by the shutdown, and that is not an attempt.
                item.position.action = item.position.machine.shutDown()
            case .failure(let failure):
                let isOwn = own != nil
                let error = isOwn ? failure : thrown ?? failure
                let verdict = route.failures.verdict(on: error)
                metrics.attempted(isOwn || end.isInTime ? .init(verdict.classification) : .timeout)
                let comesBackAfter =
                    isOwn || !hasHeardOfThrown
                    ? shift.callFailed(item.run.arrival.number, verdict.classification)
                    : shift.hasFailedWithOthers(verdict.classification)
                hasHeardOfThrown = hasHeardOfThrown || !isOwn
                item.position.action = item.run.failed(
                    error, verdict, comesBackAfter: comesBackAfter, route: route, duration: end.duration,
                    &item.position.machine)
            }
            if case .pause(let delay) = item.position.action {
                pause = max(pause, delay)
                if let lane { calledAgain.insert(lane) }
                again.append(item)
            } else {
                decided.append((item.run, item.position))
            }
        }
        return (again, decided, pause)
    }

    private func error(of end: CallEnd) -> (any Error)? {
        guard case .failure(let thrown) = end.result else { return nil }
        return end.isInTime ? thrown : HarebellError.timeout(route.timeout, underlying: thrown)
    }

    private func result(of end: CallEnd, _ thrown: (any Error)?) -> EventMetrics.CallResult {
        guard let thrown else { return .returned }
        return end.isInTime ? .init(route.failures.verdict(on: thrown).classification) : .timeout
    }

    private func handBack(_ items: [Item]) async {
        await settle(
            items.map { item in
                var position = item.position
                position.action = position.machine.shutDown()
                return (item.run, position)
            })
    }

    // MARK: Settling

    /// Sees those to their outcomes that need no call any more: of one key in their order, of others beside each other.
    private func settle(_ decided: [Decided]) async {
        var keyed: [String: [Decided]] = [:]
        var chains: [[Decided]] = []
        for one in decided {
            if let lane = one.run.arrival.lane { keyed[lane, default: []].append(one) } else { chains.append([one]) }
        }
        chains += keyed.values
        // What has only to be acknowledged needs no task.
        for chain in chains where chain.allSatisfy(\.position.action.isSettle) { await settle(chain: chain) }
        let others = chains.filter { !$0.allSatisfy(\.position.action.isSettle) }
        guard !others.isEmpty else { return }
        await withDiscardingTaskGroup { group in
            for chain in others { group.addTask { await settle(chain: chain) } }
        }
    }

    private func settle(chain: [Decided]) async {
        for (run, position) in chain {
            let wasCalled = await run.run(from: position)
            shift.ledger.ended(run.arrival.number)
            shift.ended(run.arrival, wasCalled: wasCalled)
        }
    }
}
