import Synchronization

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

extension Shift {
    /// Sees one delivery to its outcome; without one, the delivery is handed back at the end of the shift.
    func process(_ arrival: Arrival) async {
        switch await ledger.begin(arrival.number) {
        case .begin:
            let wasCalled = await DeliveryRun(shift: self, arrival: arrival).run()
            probeEnded(arrival.number, wasCalled: wasCalled)
            ledger.ended(arrival.number)
        case .gone:
            probeEnded(arrival.number, wasCalled: false)
        case .overdue:
            handBackOverdue()
            probeEnded(arrival.number, wasCalled: false)
        }
    }
}

/// One delivery's way through the worker: does what the ``DeliveryMachine`` says and tells it what came of it.
final class DeliveryRun: Sendable {
    let shift: Shift
    let arrival: Shift.Arrival
    let eventType: EventType?
    let route: SubscriptionTable.Route?
    let metrics: EventMetrics
    let trace: TraceOfCall?
    private let batchSize: Int?
    private let knownLog = Mutex<DeliveryLog?>(nil)

    init(shift: Shift, arrival: Shift.Arrival, batchSize: Int? = nil) {
        self.shift = shift
        self.arrival = arrival
        let eventType: EventType? =
            if case .success(let envelope) = arrival.delivery.content { envelope.type } else { nil }
        let route = eventType.flatMap { shift.table[$0] }
        self.eventType = eventType
        self.route = route
        self.batchSize = batchSize
        self.metrics = shift.metrics.of(route)
        self.trace = shift.isTraced ? TraceOfCall() : nil
    }

    /// Made when the first line is written, or a handler asks for its logger.
    var log: DeliveryLog {
        knownLog.withLock { known in
            if let known { return known }
            let log = DeliveryLog(
                shift.logger, service: shift.service, delivery: arrival.delivery, handler: route?.subscription.name,
                batchSize: batchSize)
            known = log
            return log
        }
    }

    var delivery: TransportDelivery { arrival.delivery }
    var clock: WorkerClock { shift.configuration.clock }
    private func random() -> Double { shift.configuration.randomness.next() }
    private func describe(_ error: any Error) -> FailureDescription {
        FailureDescription(error, handler: route?.subscription.name, eventType: eventType)
    }

    private func failure(_ type: String, _ message: String) -> FailureDescription {
        FailureDescription(type: type, message: message, handler: route?.subscription.name, eventType: eventType)
    }

    /// Where a delivery of a batch stands when its handler is not called again.
    struct Position: Sendable {
        var machine: DeliveryMachine
        var action: DeliveryMachine.Action
        let began: Duration
        var wasCalled = false
    }

    func makeMachine() -> DeliveryMachine {
        metrics.received()
        return DeliveryMachine(
            delivery, handler: route?.subscription.name, policy: route?.retry ?? shift.configuration.retry)
    }

    /// Sees the delivery to its outcome; whether its handler was called.
    func run() async -> Bool {
        let began = clock.uptime()
        var machine = makeMachine()
        let (action, handling) = receive(&machine) { envelope, route in
            Handling(envelope: envelope, route: route, attempt: try route.subscription.prepare(envelope))
        }
        return await see(to: action, handling, &machine, began: began, wasCalled: false)
    }

    /// Sees a delivery that was handled in a batch to its outcome; whether its handler was called.
    func run(from position: Position) async -> Bool {
        var machine = position.machine
        return await see(
            to: position.action, nil, &machine, began: position.began, wasCalled: position.wasCalled)
    }

    /// Does what the machine says until the delivery is settled.
    ///
    /// Each message has the memory of this function as long as its handler runs. What few messages need is in functions of
    /// its own: written out here, it once took 26 KB.
    private func see(
        to first: DeliveryMachine.Action, _ handling: Handling?, _ machine: inout DeliveryMachine, began: Duration,
        wasCalled: Bool
    ) async -> Bool {
        var action = first
        var wasCalled = wasCalled
        // While an outcome waits for its repetition, this delivery holds back all new work.
        var holdsBack = false
        defer { if holdsBack { shift.ledger.letGo() } }
        while true {
            switch action {
            case .settle(let outcome):
                settle(outcome, attempt: machine.attempts, duration: clock.uptime() - began)
                return wasCalled
            case .callHandler(let attempt):
                guard let handling else { return wasCalled }
                action = await call(handling, attempt: attempt, &machine, &wasCalled)
                if Task.isCancelled, !action.isSettle {
                    return await goOn(to: action, handling, machine, began: began, wasCalled: wasCalled)
                }
            case .backOff(let delay):
                if !holdsBack { shift.ledger.hold() }
                holdsBack = true
                shift.handBackOverdue()
                guard hasTime(for: delay) else {
                    giveUp(attempt: machine.attempts)
                    return wasCalled
                }
                action = await backOff(delay, &machine)
                continue
            case .pause, .publish, .storeRetry, .storeDeadLetter:
                action = await carryOut(action, &machine)
            }
            if holdsBack, !action.isBackOff {
                shift.ledger.letGo()
                holdsBack = false
            }
        }
    }

    /// Goes on when the timeout of a call, or its handler, has cancelled this task, which could store no retry any more.
    @inline(never)
    private func goOn(
        to action: DeliveryMachine.Action, _ handling: Handling, _ machine: DeliveryMachine, began: Duration,
        wasCalled: Bool
    ) async -> Bool {
        await shift.beyondCancelled {
            var machine = machine
            return await self.see(to: action, handling, &machine, began: began, wasCalled: wasCalled)
        }
    }

    /// Makes the call that is due, if it may be made now.
    @inline(never)
    private func call(
        _ handling: Handling, attempt: Int, _ machine: inout DeliveryMachine, _ wasCalled: inout Bool
    ) async -> DeliveryMachine.Action {
        // The breaker may have opened while a retry in place was waiting.
        guard shift.mayCall(arrival.number, again: wasCalled) else {
            return machine.postponed(after: shift.comesBack(), now: clock.now())
        }
        // The rate is for calls, and the first one's token was taken when the delivery began.
        if wasCalled, await !wait(shift.ledger.takeToken()) { return machine.shutDown() }
        wasCalled = true
        return await call(handling, attempt: attempt, &machine)
    }

    @inline(never)
    private func backOff(_ delay: Duration, _ machine: inout DeliveryMachine) async -> DeliveryMachine.Action {
        await wait(delay) ? machine.backedOff() : machine.shutDown()
    }

    /// What takes its time and is no call.
    @inline(never)
    private func carryOut(
        _ action: DeliveryMachine.Action, _ machine: inout DeliveryMachine
    ) async -> DeliveryMachine.Action {
        switch action {
        case .pause(let delay):
            shift.metrics.pauseBegan()
            defer { shift.metrics.pauseEnded() }
            return await wait(delay) ? machine.paused() : machine.shutDown()
        case .publish(let envelope):
            return await publish(envelope, &machine)
        case .storeRetry(let delay, let record):
            return await store("retry", &machine) {
                try await shift.endpoint.retry(delivery, after: delay, record: record)
            }
        case .storeDeadLetter(let reason, let record):
            return await store("dead letter", &machine) {
                try await shift.endpoint.deadLetter(delivery, reason: reason, record: record)
            }
        case .callHandler, .backOff, .settle:
            return action
        }
    }

    /// Finds the handler and decodes the event, once for all attempts.
    func receive<Prepared>(
        _ machine: inout DeliveryMachine, prepare: (Envelope, SubscriptionTable.Route) throws -> Prepared
    ) -> (DeliveryMachine.Action, Prepared?) {
        let now = clock.now()
        switch delivery.content {
        case .failure(let malformed):
            return (machine.poisoned(describe(malformed), now: now), nil)
        case .success(let envelope):
            if let limit = shift.configuration.maximumBodySize, delivery.size > limit {
                let words = "the body has \(delivery.size) bytes, and \(limit) are allowed"
                return (machine.poisoned(failure("BodyTooLarge", words), now: now), nil)
            }
            // What an operator replays is wanted, however old it is.
            if let limit = shift.configuration.maximumAge, delivery.replayCount == 0,
                now.timeIntervalSince(envelope.time) > limit / .seconds(1)
            {
                let words = "the event is of \(envelope.time), more than \(limit) ago"
                return (machine.expired(failure("EventTooOld", words), now: now), nil)
            }
            guard let route else {
                let words = "\"\(shift.service)\" has no handler for \(envelope.type)"
                return (machine.unhandled(failure("UnhandledEvent", words), now: now, random: random()), nil)
            }
            do {
                let prepared = try prepare(envelope, route)
                return (machine.decoded(), prepared)
            } catch {
                return (machine.poisoned(describe(error), now: now), nil)
            }
        }
    }

    private func call(
        _ handling: Handling, attempt: Int, _ machine: inout DeliveryMachine
    ) async -> DeliveryMachine.Action {
        let held = HeldBackEvents()
        let context = HandlerContext(
            envelope: handling.envelope, service: shift.service, handler: handling.route.subscription.name,
            attempt: attempt, held: held
        ) { self.log.logger(attempt: attempt) }
        let began = clock.uptime()
        let deadline = began + handling.route.timeout
        shift.metrics.callBegan()
        let call = HandlerCall()
        let timeout = shift.deadlines.add(at: deadline) {
            call.cancel()
            self.log.timedOut(attempt: attempt, after: handling.route.timeout)
            self.shift.stuck.began(self.arrival.number, at: deadline) { overdue in
                self.log.ignoresCancellation(attempt: attempt, since: overdue)
                // Those of its key wait for it.
                self.shift.handBackOverdue()
            }
        }
        let result = await call.result {
            try await self.shift.traced(
                handling.envelope, handler: handling.route.subscription.name, attempt: attempt,
                // A copy that an outage has sent back comes with its attempt unchanged, but it is not the first call.
                isRepetition: attempt > 1 || self.delivery.replayCount > 0 || self.delivery.firstFailedAt != nil,
                replayCount: self.delivery.replayCount, trace: self.trace
            ) { try await handling.attempt(context) }
        }
        let isInTime = shift.deadlines.remove(timeout)
        if !isInTime { shift.stuck.ended(arrival.number) }
        let duration = clock.uptime() - began
        shift.metrics.callEnded()
        let published = held.close()
        switch result {
        case .success:
            metrics.called(.returned, duration: duration)
            shift.callSucceeded(arrival.number)
            return machine.returned(holding: published)
        case .failure where isInTime && Task.isCancelled && shift.beyond.isCancelled:
            // Whatever it threw: it was cancelled by the shutdown, and that is not an attempt.
            return machine.shutDown()
        case .failure(let thrown):
            let error = isInTime ? thrown : HarebellError.timeout(handling.route.timeout, underlying: thrown)
            let verdict = handling.route.failures.verdict(on: error)
            metrics.called(isInTime ? .init(verdict.classification) : .timeout, duration: duration)
            return failed(
                error, verdict, comesBackAfter: shift.callFailed(arrival.number, verdict.classification),
                route: handling.route, duration: duration, &machine)
        }
    }

    /// What follows a call that has failed.
    /// - Parameter breakerDelay: after which time the message comes back, if the breaker says that the attempt does not count.
    func failed(
        _ error: any Error, _ verdict: FailureRule.Verdict, comesBackAfter breakerDelay: Duration?,
        route: SubscriptionTable.Route, duration: Duration, _ machine: inout DeliveryMachine
    ) -> DeliveryMachine.Action {
        let failure = describe(error)
        if let breakerDelay { return machine.spared(failure, after: breakerDelay, now: clock.now()) }
        let attempt = machine.attempts
        let action = machine.failed(
            verdict.classification, failure, policy: verdict.retry, now: clock.now(), random: random()
        ) { delay in hasTime(for: delay + route.timeout) }
        if case .storeDeadLetter(.exhausted, _) = action,
            let delay = shift.spares(delivery, verdict.classification)
        {
            return machine.spared(failure, after: delay, now: clock.now())
        }
        if case .pause(let delay) = action {
            log.retriesAtOnce(failure, after: delay, attempt: attempt, duration: duration, trace: trace?.value)
            metrics.retriesAtOnce()
        }
        return action
    }

    private func publish(_ envelope: Envelope, _ machine: inout DeliveryMachine) async -> DeliveryMachine.Action {
        do {
            try await shift.publish(envelope)
            return machine.published()
        } catch {
            if Task.isCancelled { return machine.shutDown() }
            if FailureClassification(error) == .permanent {
                return machine.publishRefused(describe(error), now: clock.now())
            }
            return notDurable(error, "event \(envelope.type)", &machine)
        }
    }

    private func store(
        _ what: String, _ machine: inout DeliveryMachine, _ body: () async throws -> Void
    ) async -> DeliveryMachine.Action {
        guard shift.ledger.holds(arrival.number) else { return machine.shutDown() }
        do {
            try await body()
            return machine.stored()
        } catch {
            return Task.isCancelled ? machine.shutDown() : notDurable(error, what, &machine)
        }
    }

    private func notDurable(
        _ error: any Error, _ what: String, _ machine: inout DeliveryMachine
    ) -> DeliveryMachine.Action {
        let action = machine.notDurable(random: random())
        if case .backOff(let delay) = action {
            log.notDurable(error, what: what, again: delay, attempt: machine.attempts)
        }
        return action
    }

    /// Whether the message may stay unsettled for so much longer.
    func hasTime(for duration: Duration) -> Bool {
        clock.uptime() - arrival.time + duration <= WorkerConfiguration.longestStay
    }

    /// Hands the message back that was in hand for too long, mostly because its outcome could not be stored: it is handled
    /// again, here or elsewhere.
    @inline(never)
    func giveUp(attempt: Int) {
        guard shift.ledger.settle(arrival.number) else { return }
        shift.endpoint.release(delivery)
        let duration = clock.uptime() - arrival.time
        log.settled(.released, attempt: attempt, duration: duration)
        metrics.settled(.released, processing: duration, critical: nil)
    }

    /// `false` if shutdown ended the wait.
    func wait(_ delay: Duration) async -> Bool {
        if delay > .zero { try? await clock.sleep(delay) }
        return !Task.isCancelled
    }

    /// From the event's time to now, in seconds.
    private func criticalTime(_ outcome: DeliveryOutcome) -> Double? {
        guard case .handled = outcome, case .success(let envelope) = delivery.content else { return nil }
        return clock.now().timeIntervalSince(envelope.time)
    }

    @inline(never)
    private func settle(_ outcome: DeliveryOutcome, attempt: Int, duration: Duration) {
        // Released deliveries stay in the ledger until the shift hands them back, all in order.
        guard outcome != .released, shift.ledger.settle(arrival.number) else { return }
        if outcome == .handled { shift.endpoint.acknowledge(delivery) }
        if DeliveryLog.tells(outcome, shift.logger) {
            log.settled(outcome, attempt: attempt, duration: duration, trace: trace?.value)
        }
        metrics.settled(outcome, processing: duration, critical: criticalTime(outcome))
    }
}

/// A decoded event and what runs for it; shared, for the closures of a call keep it.
private final class Handling: Sendable {
    let envelope: Envelope
    let route: SubscriptionTable.Route
    let attempt: Subscription.Attempt

    init(envelope: Envelope, route: SubscriptionTable.Route, attempt: @escaping Subscription.Attempt) {
        self.envelope = envelope
        self.route = route
        self.attempt = attempt
    }
}

extension DeliveryMachine.Action {
    var isSettle: Bool { if case .settle = self { true } else { false } }
    fileprivate var isBackOff: Bool { if case .backOff = self { true } else { false } }
}

extension HarebellError {
    static func timeout(_ timeout: Duration, underlying: any Error) -> HarebellError {
        HarebellError(.handlerTimedOut, "the handler ran longer than \(timeout)", underlying: underlying)
    }
}
