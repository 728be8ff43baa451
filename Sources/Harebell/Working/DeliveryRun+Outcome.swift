#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// How what came of a call becomes durable, and the delivery settled.
extension DeliveryRun {
    func publish(_ envelope: Envelope, _ machine: inout DeliveryMachine) async -> DeliveryMachine.Action {
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

    func store(
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
    func giveUp() {
        shift.giveUp(arrival)
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
    func settle(_ outcome: DeliveryOutcome, attempt: Int, duration: Duration) {
        // Released deliveries stay in the ledger until the shift hands them back, all in order.
        guard outcome != .released, shift.ledger.settle(arrival.number) else { return }
        if outcome == .handled { shift.endpoint.acknowledge(delivery) }
        if DeliveryLog.tells(outcome, shift.logger) {
            log.settled(outcome, attempt: attempt, duration: duration, trace: trace?.value)
        }
        metrics.settled(outcome, processing: duration, critical: criticalTime(outcome))
    }
}
