import Synchronization

/// The handlers that have run into their timeout and have not ended yet.
final class OverdueHandlers: Sendable {
    private enum Entry {
        case overdue(since: Duration)
        /// It ended at the same moment: the other side has not said yet that it is overdue.
        case ended
    }

    private let entries = Mutex<[Int: Entry]>([:])

    func began(_ arrival: Int, at uptime: Duration) {
        entries.withLock { entries in
            if case .ended? = entries[arrival] {
                entries[arrival] = nil
            } else {
                entries[arrival] = .overdue(since: uptime)
            }
        }
    }

    /// Called once for each that began, before or after it.
    func ended(_ arrival: Int) {
        entries.withLock { entries in
            entries[arrival] = if case .overdue? = entries[arrival] { nil } else { .ended }
        }
    }

    /// When the one that has been overdue for longest became so.
    var first: Duration? {
        entries.withLock { entries in
            entries.values.compactMap { if case .overdue(let since) = $0 { since } else { nil } }.min()
        }
    }
}
