import Logging

/// What the breaker hears from deliveries, and what they hear from it.
extension Shift {
    /// Whether the delivery's handler may be called; a probe's is called once.
    func mayCall(_ number: Int, again: Bool) -> Bool {
        !hasBreaker || plan.read { $0.breaker?.admits(number, again: again) ?? true }
    }

    /// After which time a message comes back that is stored because the breaker is open.
    func comesBack() -> Duration {
        let now = configuration.clock.uptime()
        return plan.read { $0.breaker?.comesBack(at: now) } ?? .zero
    }

    func callSucceeded(_ number: Int) {
        guard hasBreaker else { return }
        let now = configuration.clock.uptime()
        log(plan.change { $0.breaker { $0.succeeded(number, at: now) } ?? nil })
    }

    /// After which time the message comes back, if the attempt does not count.
    func callFailed(_ number: Int, _ classification: FailureClassification) -> Duration? {
        guard hasBreaker else { return nil }
        let (now, random) = (configuration.clock.uptime(), configuration.randomness.next())
        let answer = plan.change { plan in
            plan.breaker { $0.failed(number, classification, at: now, random: random) }
        }
        log(answer?.transition)
        return answer?.comesBackAfter
    }

    /// The same for one that has failed in a call of whose failure the breaker has heard.
    func hasFailedWithOthers(_ classification: FailureClassification) -> Duration? {
        guard hasBreaker else { return nil }
        let now = configuration.clock.uptime()
        return plan.read { $0.breaker?.comesBack(classification, at: now) }
    }

    /// After which time a message comes back whose attempts are used up, if that may be because of an outage.
    func spares(_ delivery: TransportDelivery, _ classification: FailureClassification) -> Duration? {
        guard configuration.breaker?.counts(classification) ?? false, case .success(let envelope) = delivery.content
        else { return nil }
        let now = configuration.clock.uptime()
        return plan.change { $0.breaker { $0.spares(envelope.id, at: now) } ?? nil }
    }

    /// A delivery has ended, which matters if it was the probe.
    func probeEnded(_ number: Int, wasCalled: Bool) {
        guard hasBreaker, plan.read(\.breaker?.probe) == number else { return }
        let (now, random) = (configuration.clock.uptime(), configuration.randomness.next())
        log(plan.change { $0.breaker { $0.ended(number, wasCalled: wasCalled, at: now, random: random) } ?? nil })
    }

    var hasBreaker: Bool { configuration.breaker != nil }

    private func log(_ transition: Breaker.Transition?) {
        guard let transition, let dependency = configuration.breaker?.dependency else { return }
        switch transition {
        case .opened(let wait):
            logger.error(
                "What the service depends on is down: nothing is taken but a probe",
                metadata: [
                    "service": "\(service)", "dependency": "\(dependency)", "breaker": "open",
                    "probe_after_ms": "\(wait.milliseconds)",
                ])
        case .closed:
            logger.notice(
                "What the service depends on is up again",
                metadata: ["service": "\(service)", "dependency": "\(dependency)", "breaker": "closed"])
        }
    }
}
