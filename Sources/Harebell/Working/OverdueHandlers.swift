import Synchronization

/// The handlers that have run into their timeout and have not ended yet.
final class OverdueHandlers: Sendable {
    private let since = Mutex<[Int: Duration]>([:])

    func began(_ arrival: Int, at uptime: Duration) {
        since.withLock { $0[arrival] = uptime }
    }

    func ended(_ arrival: Int) {
        since.withLock { $0[arrival] = nil }
    }

    /// When the one that has been overdue for longest became so.
    var first: Duration? { since.withLock { $0.values.min() } }
}
