import NIOCore

/// What one read brought.
struct ReadOutcome: Sendable {
    var deliveries = 0
    /// Whether the broker may have stopped for want of acknowledgements: half of a prefetch is not settled.
    var isBrokerWaiting = false
}

/// When the event loop looks again after it has read deliveries.
///
/// A busy broker sends a few messages at a time, and to wake an event loop and a task for each few costs more than the
/// messages themselves. So deliveries open a window, at whose end their settlements are sent without anyone's waking the
/// event loop; and while many arrive in each window, there is one read per window:
///
///     quiet ──deliveries──► window, reading goes on ──end──► quiet
///       └──deliveries, the last window was busy──► window, reading paused ──end──► quiet
///
/// A message that comes alone is not read later for this, and a broker that waits for acknowledgements is read at once.
struct ReadPacing: Sendable {
    /// How long a window is: what it may add to the time that a message of a busy connection takes.
    static let window = TimeAmount.milliseconds(1)
    /// So many deliveries in one window make the next one a busy one.
    static let busy = 16

    /// Whether the event loop will look of itself.
    private(set) var isOpen = false
    /// Whether the next read waits for the end of the window.
    private(set) var isPaused = false
    private var deliveries = 0
    private var wasBusy = false

    /// Notes what came; returns whether this opens a window.
    mutating func received(_ outcome: ReadOutcome) -> Bool {
        guard outcome.deliveries > 0 || isOpen else { return false }
        defer { isOpen = true }
        deliveries += outcome.deliveries
        isPaused = wasBusy && !outcome.isBrokerWaiting
        return !isOpen
    }

    /// The window is over.
    mutating func end() {
        wasBusy = deliveries >= Self.busy
        (isOpen, isPaused, deliveries) = (false, false, 0)
    }
}
