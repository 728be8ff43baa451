/// What a worker is doing, for readiness probes.
public enum WorkerState: String, Sendable, Hashable, CaseIterable {
    /// Not running yet, or waiting for its transport.
    case starting
    /// Taking messages.
    case running
    /// An outcome cannot be stored: nothing new is taken until it can.
    case blocked
    /// Finishing what it has begun.
    case stopping
    /// At its end.
    case stopped
}
