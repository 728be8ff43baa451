#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// How its handler is found and called.
extension DeliveryRun {
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

    func call(
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
}

/// A decoded event and what runs for it; shared, for the closures of a call keep it.
final class Handling: Sendable {
    let envelope: Envelope
    let route: SubscriptionTable.Route
    let attempt: Subscription.Attempt

    init(envelope: Envelope, route: SubscriptionTable.Route, attempt: @escaping Subscription.Attempt) {
        self.envelope = envelope
        self.route = route
        self.attempt = attempt
    }
}

extension HarebellError {
    static func timeout(_ timeout: Duration, underlying: any Error) -> HarebellError {
        HarebellError(.handlerTimedOut, "the handler ran longer than \(timeout)", underlying: underlying)
    }
}
