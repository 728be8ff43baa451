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
    /// Whether there is a shift that carries it out.
    private(set) var isCarriedOut = false
    /// Counts the changes.
    private(set) var change = 0
    /// The last change that is in force: the endpoint takes messages as planned, and what may not begin was handed back.
    private(set) var inForce = 0

    init(prefetch: Int) {
        self.prefetch = prefetch
    }

    /// How the endpoint is to take messages.
    var taking: Taking { wish == .work ? .many(prefetch: prefetch) : .nothing }

    /// Which deliveries may begin.
    var admission: InHand.Admission { wish == .pause ? .none : .all }

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

    mutating func begins() { isCarriedOut = true }
    mutating func ends() { isCarriedOut = false }
    mutating func isInForce(_ change: Int) { inForce = max(inForce, change) }
}
