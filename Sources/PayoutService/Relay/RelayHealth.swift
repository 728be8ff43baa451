import Synchronization

/// When the relay last came round or was done with an event: the proof that it lives, for `/livez`.
final class RelayHealth: Sendable {
    private let lastRound = Mutex(ContinuousClock.now)
    private let limit: Duration

    /// - Parameter limit: How long an event may take; a publish waits for a broker that is down, but not for ever.
    init(limit: Duration = .seconds(180)) {
        self.limit = limit
    }

    func noteProgress() {
        lastRound.withLock { $0 = .now }
    }

    var isStuck: Bool { ContinuousClock.now - lastRound.withLock { $0 } > limit }
}
