/// What a worker is doing, for readiness probes.
public enum WorkerState: String, Sendable, Hashable, CaseIterable {
    /// Not running yet, or waiting for its transport.
    case starting
    /// Taking messages.
    case running
    /// An outcome cannot be stored: nothing new is taken until it can.
    case blocked
    /// What its handlers depend on is down: nothing is taken but a probe from time to time.
    case broken
    /// Asked to take nothing, and finishing what is in hand; ``paused`` follows.
    case draining
    /// Asked to take nothing. Handlers that ran then may be running still.
    case paused
    /// Shutting down: finishing what it has begun.
    case stopping
    /// At its end.
    case stopped
}
