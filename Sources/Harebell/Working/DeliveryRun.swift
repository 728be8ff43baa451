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
            let wasCalled =
                endpoint.isCurrent(arrival.delivery)
                ? await DeliveryRun(shift: self, arrival: arrival).run() : forget(arrival)
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

extension Shift {
    /// Gives up a delivery whose channel was gone before it began; always `false`, for its handler was not called.
    ///
    /// The message comes again: were this handled too, its key would be handled twice, the second time from the beginning.
    func forget(_ arrival: Arrival) -> Bool {
        if ledger.settle(arrival.number) { handBack { [arrival.delivery] } }
        return false
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
    func random() -> Double { shift.configuration.randomness.next() }
    func describe(_ error: any Error) -> FailureDescription {
        FailureDescription(error, handler: route?.subscription.name, eventType: eventType)
    }

    func failure(_ type: String, _ message: String) -> FailureDescription {
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
                if shift.isUsedUp, !action.isSettle {
                    return await goOn(to: action, handling, machine, began: began, wasCalled: wasCalled)
                }
            case .backOff(let delay):
                if !holdsBack { shift.ledger.hold() }
                holdsBack = true
                shift.handBackOverdue()
                guard hasTime(for: delay) else {
                    giveUp()
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
        await shift.beyond.run {
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
        if wasCalled {
            // It waits with the broker if it would be in hand for too long.
            let token = shift.ledger.timeToToken
            guard hasTime(for: token) else { return machine.postponed(after: token, now: clock.now()) }
            if await !wait(shift.ledger.takeToken()) { return machine.shutDown() }
        }
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
}

extension DeliveryMachine.Action {
    var isSettle: Bool { if case .settle = self { true } else { false } }
    fileprivate var isBackOff: Bool { if case .backOff = self { true } else { false } }
}
