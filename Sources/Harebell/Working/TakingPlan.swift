/// How a worker is to take messages, and how far that is carried out: a value that does no I/O.
///
/// Whoever wants something else changes the plan and waits until the worker has carried it out; who comes last is right.
struct TakingPlan: Sendable {
    /// What an operator wants.
    enum Wish: Sendable {
        case work
        /// Take nothing, finish what is in hand.
        case drain
        /// Take nothing, begin nothing.
        case pause
    }

    private(set) var wish = Wish.work
    private(set) var prefetch: Int
    private(set) var breaker: Breaker?
    /// Counts the probes that were asked for.
    private(set) var probes = 0
    /// Whether everything that waits is to be handed back before anything more is taken.
    private(set) var isStartingOver = false
    /// Whether there is a shift that carries it out.
    private(set) var isCarriedOut = false
    /// Counts the changes.
    private(set) var change = 0
    /// The last change that is in force: the endpoint takes messages as planned, and what may not begin was handed back.
    private(set) var inForce = 0

    init(prefetch: Int, breaker: BreakerPolicy? = nil) {
        self.prefetch = prefetch
        self.breaker = breaker.map { Breaker($0) }
    }

    /// How the endpoint is to take messages.
    var taking: Taking {
        guard wish == .work, !isStartingOver else { return .nothing }
        return switch breaker?.state {
        case nil, .closed: .many(prefetch: prefetch)
        case .open: .nothing
        case .probing: .one
        }
    }

    /// Which deliveries may begin.
    var admission: InHand.Admission {
        guard wish != .pause, !isStartingOver else { return .none }
        guard let breaker, breaker.state != .closed else { return .all }
        return breaker.probe.map { .only($0) } ?? .none
    }

    /// Whether nobody has to wait for a change any longer: it is in force, or nothing is taken at all.
    func isSettled(_ change: Int) -> Bool { !isCarriedOut || inForce >= change }

    // MARK: Changes

    mutating func wish(_ wish: Wish) {
        guard self.wish != wish else { return }
        self.wish = wish
        change += 1
    }

    mutating func prefetch(_ prefetch: Int) {
        guard self.prefetch != prefetch else { return }
        self.prefetch = prefetch
        change += 1
    }

    /// Wants everything that waits handed back, and then to go on as before; `false` if that is wanted already.
    mutating func startOver() -> Bool {
        guard !isStartingOver else { return false }
        isStartingOver = true
        change += 1
        return true
    }

    /// Lets the breaker hear something; what it changes is a change of the plan.
    mutating func breaker<Result>(_ body: (inout Breaker) -> Result) -> Result? {
        guard var breaker else { return nil }
        let before = (state: breaker.state, probe: breaker.probe)
        let result = body(&breaker)
        self.breaker = breaker
        let after = (state: breaker.state, probe: breaker.probe)
        if after.state == .probing, before.state != .probing || (after.probe == nil && before.probe != nil) {
            probes += 1
        }
        if before != after { change += 1 }
        return result
    }

    mutating func begins() { (isCarriedOut, isStartingOver) = (true, false) }
    mutating func ends() { isCarriedOut = false }

    /// What waited and may not begin was handed back by this change.
    mutating func isInForce(_ change: Int) {
        inForce = max(inForce, change)
        guard isStartingOver, change == self.change else { return }
        isStartingOver = false
        self.change += 1
    }
}
