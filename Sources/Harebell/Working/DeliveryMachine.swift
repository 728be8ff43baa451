#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// One delivery from its arrival to its settlement, as a value that does no I/O: the worker tells it what happened and
/// does what it answers.
///
/// | state | event | next state | action |
/// |---|---|---|---|
/// | received | content malformed, too large, or the event does not decode | storing | store dead letter `poison` |
/// | received | older than the service allows, and no replay | storing | store dead letter `expired` |
/// | received | no handler, visits ≤ 5 | storing | store delayed retry, visits + 1 |
/// | received | no handler, visits > 5 | storing | store dead letter `unhandled` |
/// | received | decoded | calling | call the handler, attempt = failed attempts + 1 |
/// | calling | returned, nothing held back | settled | acknowledge |
/// | calling | returned, events held back | publishing | publish the first |
/// | calling | failed, policy says at once | pausing | pause |
/// | calling | failed, policy says later, or held for too long already | storing | store delayed retry |
/// | calling | failed for good, or for the last time | storing | store dead letter `permanent` or `exhausted` |
/// | calling | failed, and the breaker says that it does not count | storing | store delayed retry, attempt as before the call |
/// | pausing | paused | calling | call the handler, attempt + 1 |
/// | calling | returned, but an earlier one of its key in the batch is called again | calling | call the handler behind it, attempt unchanged |
/// | calling | not called, for the breaker is open | storing | store delayed retry, attempt as before |
/// | publishing | confirmed, more left | publishing | publish the next |
/// | publishing | confirmed, none left | settled | acknowledge |
/// | publishing | not confirmed | publishing | back off, then publish the same again |
/// | publishing | refused for good | storing | store dead letter `permanent` |
/// | storing | confirmed | settled | (the transport has acknowledged) |
/// | storing | not confirmed | storing | back off, then store the same again |
/// | any but settled | shutdown took the delivery away | settled | hand back, uncounted |
///
/// So nothing is acknowledged before its outcome is durable, and a handler that has returned is not called again just
/// because its events could not be published yet: while this process lives, the same envelopes are tried again.
struct DeliveryMachine: Sendable {
    /// What the worker has to do next.
    ///
    /// Records are kept apart, for an action is in the hands of each message's task, and few have one.
    enum Action: Sendable, Hashable {
        case callHandler(attempt: Int)
        /// Wait, then report ``DeliveryMachine/paused()``.
        case pause(Duration)
        case publish(Envelope)
        indirect case storeRetry(after: Duration, FailureRecord)
        indirect case storeDeadLetter(DeadLetterReason, FailureRecord)
        /// Take nothing new, wait, then report ``DeliveryMachine/backedOff()``.
        case backOff(Duration)
        case settle(DeliveryOutcome)
    }

    private enum State {
        case received, calling, pausing
        indirect case publishing([Envelope], next: Int, failures: Int)
        indirect case storing(Action, DeliveryOutcome, failures: Int)
        case settled
    }

    private var state = State.received
    private let policy: RetryPolicy
    private let handler: String?
    private var firstFailedAt: Date?
    private var lastFailure: FailureDescription?
    private let unhandledCount: Int
    /// Calls of the handler so far, in earlier deliveries and in this one, including the running one.
    private(set) var attempts: Int

    init(_ delivery: TransportDelivery, handler: String?, policy: RetryPolicy) {
        self.policy = policy
        self.handler = handler
        self.firstFailedAt = delivery.firstFailedAt
        self.attempts = max(0, delivery.attempts)
        self.unhandledCount = max(0, delivery.unhandledCount)
    }

    // MARK: Received

    /// The event is decoded and has a handler.
    mutating func decoded() -> Action {
        attempts += 1
        state = .calling
        return .callHandler(attempt: attempts)
    }

    /// It cannot be read.
    mutating func poisoned(_ failure: FailureDescription, now: Date) -> Action {
        store(.deadLetter(.poison), failure, now: now)
    }

    /// It is too old.
    mutating func expired(_ failure: FailureDescription, now: Date) -> Action {
        store(.deadLetter(.expired), failure, now: now)
    }

    /// Nobody handles its type.
    mutating func unhandled(_ failure: FailureDescription, now: Date, random: Double) -> Action {
        let visits = unhandledCount + 1
        return store(
            RetryPolicy.unhandledDecision(visits: visits, random: random), failure, now: now, visits: visits)
    }

    // MARK: Calling

    /// The handler returned.
    mutating func returned(holding envelopes: [Envelope]) -> Action {
        guard let first = envelopes.first else { return settle(.handled) }
        state = .publishing(envelopes, next: 0, failures: 0)
        return .publish(first)
    }

    /// The handler threw, or ran out of time.
    /// - Parameters:
    ///   - policy: the one for this failure; the subscription's unless given.
    ///   - mayStay: whether the message may stay unacknowledged for the delay and one more call. Otherwise an
    ///   immediate retry becomes a delayed one: brokers close a channel that keeps a message for too long.
    mutating func failed(
        _ classification: FailureClassification, _ failure: FailureDescription, policy: RetryPolicy? = nil, now: Date,
        random: Double, mayStay: (Duration) -> Bool = { _ in true }
    ) -> Action {
        lastFailure = failure
        let firstFailedAt = firstFailedAt ?? now
        self.firstFailedAt = firstFailedAt
        var decision = (policy ?? self.policy).decision(
            attempt: attempts, classification: classification,
            age: .seconds(min(max(0, now.timeIntervalSince(firstFailedAt)), 1e9)), random: random)
        if case .retryImmediately(let delay) = decision, !mayStay(delay) {
            decision = .retryDelayed(after: max(delay, .seconds(1)))
        }
        guard case .retryImmediately(let delay) = decision else { return store(decision, failure, now: now) }
        state = .pausing
        return .pause(delay)
    }

    /// The call has failed because of an outage, or may have: it does not count, and the message comes back.
    mutating func spared(_ failure: FailureDescription, after delay: Duration, now: Date) -> Action {
        attempts = max(0, attempts - 1)
        return store(.retryDelayed(after: delay), failure, now: now)
    }

    /// The call that is due is not made, for the breaker is open; the message comes back.
    mutating func postponed(after delay: Duration, now: Date) -> Action {
        let failure =
            lastFailure
            ?? FailureDescription(
                type: "DependencyDown", message: "not called, for the breaker is open", handler: handler, eventType: nil
            )
        return spared(failure, after: delay, now: now)
    }

    /// The pause before an immediate retry is over.
    mutating func paused() -> Action { decoded() }

    /// The handler returned, but an earlier event of the same key and batch has failed and is called again: this one is called
    /// again behind it, and the call does not count.
    mutating func repeats() { attempts = max(0, attempts - 1) }

    // MARK: Publishing and storing

    /// The event that was being published is durable.
    mutating func published() -> Action {
        guard case .publishing(let envelopes, let current, _) = state else { return settle(.released) }
        guard current + 1 < envelopes.count else { return settle(.handled) }
        state = .publishing(envelopes, next: current + 1, failures: 0)
        return .publish(envelopes[current + 1])
    }

    /// The event that was being published will never be accepted.
    mutating func publishRefused(_ failure: FailureDescription, now: Date) -> Action {
        store(.deadLetter(.permanent), failure, now: now)
    }

    /// The copy is durable.
    mutating func stored() -> Action {
        guard case .storing(_, let outcome, _) = state else { return settle(.released) }
        return settle(outcome)
    }

    /// Publishing or storing failed and may succeed later.
    mutating func notDurable(random: Double) -> Action {
        switch state {
        case .publishing(let envelopes, let next, let failures):
            state = .publishing(envelopes, next: next, failures: failures + 1)
            return .backOff(StorageBackoff.delay(failures: failures + 1, random: random))
        case .storing(let action, let outcome, let failures):
            state = .storing(action, outcome, failures: failures + 1)
            return .backOff(StorageBackoff.delay(failures: failures + 1, random: random))
        case .received, .calling, .pausing, .settled:
            return settle(.released)
        }
    }

    /// The pause before the repetition is over.
    mutating func backedOff() -> Action {
        switch state {
        case .publishing(let envelopes, let next, _): .publish(envelopes[next])
        case .storing(let action, _, _): action
        case .received, .calling, .pausing, .settled: settle(.released)
        }
    }

    // MARK: Settled

    /// Shutdown took the delivery away.
    mutating func shutDown() -> Action { settle(.released) }

    private mutating func settle(_ outcome: DeliveryOutcome) -> Action {
        state = .settled
        return .settle(outcome)
    }

    private mutating func store(
        _ decision: FailureDecision, _ failure: FailureDescription, now: Date, visits: Int? = nil
    ) -> Action {
        let record = FailureRecord(
            attempts: attempts, unhandledCount: visits ?? unhandledCount, handler: handler, errorType: failure.type,
            errorMessage: failure.message, fingerprint: failure.fingerprint, failedAt: now,
            firstFailedAt: firstFailedAt ?? now)
        let action: Action
        switch decision {
        case .retryImmediately(let delay), .retryDelayed(let delay):
            action = .storeRetry(after: delay, record)
            state = .storing(action, .retryScheduled(after: delay, record), failures: 0)
        case .deadLetter(let reason):
            action = .storeDeadLetter(reason, record)
            state = .storing(action, .deadLettered(reason, record), failures: 0)
        }
        return action
    }
}
