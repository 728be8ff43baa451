import AMQP
import NIOConcurrencyHelpers

/// What became of every message: who was promised what, and who got it.
final class Ledger: Sendable {
    private enum State {
        /// Its publisher has not been told yet.
        case open
        case confirmed
        /// Cancelled, late or cut off: it may have been stored.
        case unknown
        /// Never stored, as its publisher was told.
        case refused
    }

    private struct Entry {
        var state = State.open
        var handled = 0
    }

    struct Counts: Sendable {
        var published = 0
        var confirmed = 0
        var unknown = 0
        var refused = 0
        /// Publishes nobody was told about.
        var unresolved = 0
        /// Publishers that were told twice.
        var resolvedTwice = 0
        /// Messages handled at least once.
        var handled = 0
        /// Deliveries beyond the first of a message.
        var duplicates = 0
        /// Messages confirmed and not handled.
        var lost = 0
        /// Messages refused and handled all the same.
        var invented = 0
        /// Deliveries that could be settled twice.
        var settledTwice = 0
        var redelivered = 0
        var channels = 0
        var clients = 0
        var cancelled = 0
        var broken = 0
        /// The longest that a publish with which nothing is the matter waited for its confirm.
        var slowest = Duration.zero
        var failures: [String] = []
    }

    private let box = NIOLockedValueBox((entries: [Entry](), counts: Counts()))

    /// A new message's number.
    func publish() -> Int {
        box.withLockedValue { state in
            state.entries.append(Entry())
            return state.entries.count - 1
        }
    }

    /// The publisher of a message was told; an error other than these is a failure.
    func resolve(_ number: Int, _ error: AMQPError?, expected: Set<AMQPError.Code>) {
        box.withLockedValue { state in
            guard case .open = state.entries[number].state else {
                state.counts.resolvedTwice += 1
                return
            }
            state.entries[number].state = error.map { $0.isRefusal ? .refused : .unknown } ?? .confirmed
            guard let error else { return }
            if error.code == .cancelled { state.counts.cancelled += 1 }
            if !expected.contains(error.code) { state.counts.failures.append("publish \(number): \(error)") }
        }
    }

    /// The message was sent on a channel without confirms: nothing is promised.
    func sent(_ number: Int) {
        box.withLockedValue { $0.entries[number].state = .unknown }
    }

    func handle(_ number: Int) {
        box.withLockedValue { state in
            guard state.entries.indices.contains(number) else {
                return state.counts.failures.append("a message \(number) came that nobody sent")
            }
            state.entries[number].handled += 1
        }
    }

    func note(_ change: (inout Counts) -> Void) {
        box.withLockedValue { change(&$0.counts) }
    }

    /// Whether every confirmed message has been handled.
    var isSettled: Bool {
        box.withLockedValue { state in
            state.entries.allSatisfy { entry in
                switch entry.state {
                case .open: false
                case .confirmed: entry.handled > 0
                case .unknown, .refused: true
                }
            }
        }
    }

    var counts: Counts {
        box.withLockedValue { state in
            var counts = state.counts
            counts.published = state.entries.count
            for entry in state.entries {
                switch entry.state {
                case .open: counts.unresolved += 1
                case .confirmed:
                    counts.confirmed += 1
                    if entry.handled == 0 { counts.lost += 1 }
                case .unknown: counts.unknown += 1
                case .refused:
                    counts.refused += 1
                    counts.invented += min(entry.handled, 1)
                }
                counts.handled += min(entry.handled, 1)
                counts.duplicates += max(entry.handled - 1, 0)
            }
            return counts
        }
    }
}

extension Ledger.Counts: CustomStringConvertible {
    /// A confirm that takes longer is no matter of a busy machine: with the thread sanitizer beside another run the
    /// slowest came after 1.2 s, and after 3 to 17 s while each cancelled publish cost a look at all others.
    private static let standstill: Duration = .seconds(10)

    /// Whether every promise was kept, without standing still.
    var isGood: Bool {
        lost == 0 && invented == 0 && unresolved == 0 && resolvedTwice == 0 && settledTwice == 0 && failures.isEmpty
            && handled > 0 && slowest < Self.standstill
    }

    var description: String {
        """
        published \(published), confirmed \(confirmed), refused \(refused), unknown \(unknown) (\(cancelled) cancelled), \
        handled \(handled), redelivered \(redelivered), duplicates \(duplicates), lost \(lost), \
        handled though refused \(invented); never resolved \(unresolved), resolved twice \(resolvedTwice), \
        settled twice \(settledTwice); \(channels) channels opened, \(clients) clients, \(broken) connections broken, \
        a confirm came after \(Int(slowest / .milliseconds(1))) ms at most
        """
    }
}

extension AMQPError {
    /// Whether it promises that the message was not stored.
    fileprivate var isRefusal: Bool {
        code == .returned || message.contains("not sent") || message.contains("nothing was sent")
    }
}
