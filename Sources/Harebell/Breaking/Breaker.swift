/// A service's breaker, as a value that does no I/O: it hears how calls of handlers end, and says whether messages are
/// taken, and what becomes of those that fail.
///
/// ```
///            failures in a row, or the share of failures
///   closed ──────────────────────────────────────────────► open ◄───────────┐
///     ▲                                                      │ the wait is  │ the probe fails: the next wait is longer
///     │             the probe succeeds                       ▼ over         │ it proves nothing: the wait is the same
///     └────────────────────────────────────────────────── probing ──────────┘
/// ```
/// While it is open nothing is taken and nothing begins; while it probes, one delivery. So the dependency gets at most one
/// call per probe, beside those that ran when the breaker opened.
///
/// What becomes of a delivery whose call has failed:
///
/// | failure | breaker, after it has heard of it | what follows |
/// |---|---|---|
/// | does not count (permanent, or transient where only `dependencyDown` counts) | any | as without a breaker |
/// | counts | open or probing; also the probe's own, and one whose call began before | stored for a retry, attempt unchanged |
/// | counts, and an attempt is left | closed | as without a breaker: the attempt counts |
/// | counts, and it was the last attempt | closed, and nothing has succeeded since this message was spared | stored for a retry, attempt unchanged: spared, for this may be the beginning of an outage |
/// | counts, and it was the last attempt | closed, and something has succeeded since it was spared | dead letter `exhausted`: the dependency is up |
/// | (none: a retry in place is due) | open or probing | stored for a retry, attempt unchanged, without a call |
///
/// So nothing is dead-lettered because of an outage, not even what spends its last attempt on its first moments, and a
/// message that fails for its own reasons is dead-lettered one call later. What is stored comes back a little after the
/// next probe: a message that fails for its own reasons does not become each probe. When it is the only one the service
/// has, nothing tells its failures from an outage: the service is broken, and says so, until another message succeeds.
struct Breaker: Sendable {
    private enum Phase {
        case closed(failures: Int)
        case open(round: Int, until: Duration)
        case wantsProbe(round: Int)
        case probing(round: Int, delivery: Int)
    }

    /// What the breaker did because of what it heard.
    enum Transition: Sendable, Hashable {
        case opened(wait: Duration)
        case closed
    }

    let policy: BreakerPolicy
    private var phase = Phase.closed(failures: 0)
    private var window: FailureWindow
    private var lastSuccess: Duration?
    private var spared: [EventID: Duration] = [:]

    /// How many spared messages are remembered; a forgotten one is spared again.
    static let sparedLimit = 1_000

    init(_ policy: BreakerPolicy) {
        self.policy = policy
        self.window = FailureWindow(policy.window)
    }

    var state: BreakerState {
        switch phase {
        case .closed: .closed
        case .open: .open
        case .wantsProbe, .probing: .probing
        }
    }

    /// When the wait is over.
    var opensUntil: Duration? { if case .open(_, let until) = phase { until } else { nil } }

    /// The delivery that is the probe.
    var probe: Int? { if case .probing(_, let delivery) = phase { delivery } else { nil } }

    /// Whether a delivery's handler may be called; a probe's is not called again.
    func admits(_ delivery: Int, again: Bool) -> Bool { state == .closed || (probe == delivery && !again) }

    // MARK: Probing

    /// The time has come, if it has.
    mutating func tick(at now: Duration) {
        if case .open(let round, let until) = phase, now >= until { phase = .wantsProbe(round: round) }
    }

    /// A delivery has arrived: whether it is the probe.
    mutating func arrived(_ delivery: Int) -> Bool {
        guard case .wantsProbe(let round) = phase else { return false }
        phase = .probing(round: round, delivery: delivery)
        return true
    }

    /// A delivery has ended; if it was the probe and has proved nothing, there is another.
    ///
    /// - Parameter wasCalled: whether its handler was called; if so, there is a wait before the next.
    mutating func ended(_ delivery: Int, wasCalled: Bool, at now: Duration, random: Double) -> Transition? {
        guard case .probing(let round, delivery) = phase else { return nil }
        if wasCalled { return open(round: round, for: policy.wait(round: round, random: random), at: now) }
        phase = .wantsProbe(round: round)
        return nil
    }

    // MARK: Calls

    /// A call has succeeded.
    mutating func succeeded(_ delivery: Int, at now: Duration) -> Transition? {
        lastSuccess = now
        switch phase {
        case .closed:
            phase = .closed(failures: 0)
            window.note(isFailure: false, at: now)
            return nil
        case .probing(_, delivery):
            phase = .closed(failures: 0)
            window.forget()
            return .closed
        case .open, .wantsProbe, .probing:
            return nil  // It began before the breaker opened.
        }
    }

    /// A call has failed: after which time the message comes back, if the attempt does not count.
    mutating func failed(
        _ delivery: Int, _ classification: FailureClassification, at now: Duration, random: Double
    ) -> (comesBackAfter: Duration?, transition: Transition?) {
        guard policy.counts(classification) else { return (nil, nil) }
        var transition: Transition?
        switch phase {
        case .closed(let failures):
            phase = .closed(failures: failures + 1)
            window.note(isFailure: true, at: now)
            guard failures + 1 >= policy.consecutiveFailures || isRateReached else { return (nil, nil) }
            transition = open(round: 1, for: wait(1, classification, random), at: now)
        case .probing(let round, delivery):
            transition = open(round: round + 1, for: wait(round + 1, classification, random), at: now)
        case .open, .wantsProbe, .probing:
            break
        }
        return (comesBack(at: now), transition)
    }

    /// A message has failed in a call of whose failure the breaker has heard: after which time it comes back, if the attempt
    /// does not count.
    func comesBack(_ classification: FailureClassification, at now: Duration) -> Duration? {
        policy.counts(classification) && state != .closed ? comesBack(at: now) : nil
    }

    /// A message has used up its attempts: after which time it comes back, if that may be because of an outage.
    mutating func spares(_ id: EventID, at now: Duration) -> Duration? {
        if let since = spared[id], let lastSuccess, lastSuccess > since {
            spared[id] = nil
            return nil
        }
        if spared.count >= Self.sparedLimit, let oldest = spared.min(by: { $0.value < $1.value })?.key {
            spared[oldest] = nil
        }
        if spared[id] == nil { spared[id] = now }
        return comesBack(at: now)
    }

    /// After which time a message comes back that is stored now: a little after the next probe.
    func comesBack(at now: Duration) -> Duration {
        switch phase {
        case .closed: policy.wait(round: 1, random: 0.5) * 11 / 10
        case .open(_, let until): max(until - now, .zero) * 11 / 10
        case .wantsProbe(let round), .probing(let round, _): policy.wait(round: round, random: 0.5) * 11 / 10
        }
    }

    private var isRateReached: Bool {
        guard let rate = policy.failureRate, window.calls >= policy.minimumSamples else { return false }
        return Double(window.failures) >= rate * Double(window.calls)
    }

    /// A dependency that says when it will be back is believed, within bounds.
    private func wait(_ round: Int, _ classification: FailureClassification, _ random: Double) -> Duration {
        let wait = policy.wait(round: round, random: random)
        guard case .dependencyDown(let retryAfter?) = classification else { return wait }
        return max(wait, min(retryAfter, policy.longestWait))
    }

    private mutating func open(round: Int, for wait: Duration, at now: Duration) -> Transition {
        phase = .open(round: round, until: now + wait)
        return .opened(wait: wait)
    }
}
