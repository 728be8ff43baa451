import Synchronization

/// The handlers that have run into their timeout and have not ended yet: each is reported again and again, after one
/// minute, two, four, eight, and then every eight.
final class StuckHandlers: Sendable {
    /// Says that a handler is still running, so long after its timeout.
    typealias Report = @Sendable (Duration) -> Void

    private enum Entry {
        case stuck(since: Duration)
        /// It ended at the same moment: the other side has not said yet that it is stuck.
        case ended
    }

    private let entries = Mutex<[Int: Entry]>([:])
    private let deadlines: HandlerDeadlines

    init(_ deadlines: HandlerDeadlines) {
        self.deadlines = deadlines
    }

    /// A handler has run into its timeout.
    func began(_ arrival: Int, at timeout: Duration, report: @escaping Report) {
        let isStuck = entries.withLock { entries in
            if case .ended? = entries[arrival] {
                entries[arrival] = nil
                return false
            }
            entries[arrival] = .stuck(since: timeout)
            return true
        }
        if isStuck { remind(arrival, since: timeout, after: .seconds(60), report) }
    }

    /// It has ended; called once for each that began, before or after it.
    func ended(_ arrival: Int) {
        entries.withLock { entries in
            entries[arrival] = if case .stuck? = entries[arrival] { nil } else { .ended }
        }
    }

    /// When the one that has been stuck for longest ran into its timeout.
    var first: Duration? {
        entries.withLock { entries in
            entries.values.compactMap { if case .stuck(let since) = $0 { since } else { nil } }.min()
        }
    }

    private func remind(_ arrival: Int, since timeout: Duration, after wait: Duration, _ report: @escaping Report) {
        _ = deadlines.add(at: timeout + wait) { [weak self] in
            guard let self, entries.withLock({ $0[arrival] != nil }) else { return }
            report(wait)
            remind(arrival, since: timeout, after: wait + min(wait, .seconds(480)), report)
        }
    }
}
