import NIOCore

/// Which messages are to be published, published again, or given up: the publisher's decisions without its I/O.
///
/// An entry lives until it is resolved. Between channels it is waiting; on a channel it is sent. When a channel ends,
/// what was sent and not resolved waits again, in order.
///
/// A channel error names no message. If its text names an exchange, the messages for that exchange are to blame; if it
/// does not, those that were under way are sent one at a time until the culprit ends a channel alone.
struct Republishing: Sendable {
    /// A class, for a message has a dozen of strings, and to copy it means to count the owners of each.
    final class Entry: Sendable {
        let id: UInt64
        let message: OutgoingMessage
        let deadline: NIODeadline
        let continuation: Waiter<AMQPError?>

        init(id: UInt64, message: OutgoingMessage, deadline: NIODeadline, continuation: Waiter<AMQPError?>) {
            self.id = id
            self.message = message
            self.deadline = deadline
            self.continuation = continuation
        }
    }

    private var entries = CircularBuffer<Entry>()
    /// How many of the entries, the first ones, were sent on the present channel.
    private var sentCount = 0
    /// While one of these is unresolved, entries are sent one at a time.
    private var suspects: Set<UInt64> = []
    private(set) var isReady = false
    /// Whether something that was sent on the present channel was given up before the broker said anything of it: it may
    /// be to blame for the channel's end, and is not among the entries.
    private var hasGivenUp = false

    var isEmpty: Bool { entries.isEmpty }

    /// Takes an entry; returns whether it is to be sent now, which it counts as from here on.
    mutating func append(_ entry: Entry) -> Bool {
        entries.append(entry)
        guard isReady, suspects.isEmpty, sentCount == entries.count - 1 else { return false }
        sentCount += 1
        return true
    }

    /// A channel is there.
    mutating func ready() {
        isReady = true
    }

    /// Nothing more is sent until the next channel is there; what was sent may still be confirmed.
    mutating func hold() {
        isReady = false
    }

    /// Whether something was sent on the present channel and is not resolved.
    var isAwaitingConfirms: Bool { sentCount > 0 }

    /// What to send next, if there is something to be sent now.
    mutating func nextSendable() -> Entry? {
        guard isReady, sentCount < entries.count, suspects.isEmpty || sentCount == 0 else { return nil }
        defer { sentCount += 1 }
        return entries[offset: sentCount]
    }

    /// Takes an entry out, with whether it was sent on the present channel; `nil` if it was resolved before.
    mutating func resolve(_ id: UInt64) -> (entry: Entry, isSent: Bool)? {
        // Confirms come in order, so this is nearly always the first; to remove from within copies everything.
        guard let first = entries.first else { return nil }
        let index = first.id == id ? entries.startIndex : entries.firstIndex { $0.id == id }
        guard let index else { return nil }
        let isSent = entries.distance(from: entries.startIndex, to: index) < sentCount
        if isSent { sentCount -= 1 }
        if !suspects.isEmpty { suspects.remove(id) }
        return (index == entries.startIndex ? entries.removeFirst() : entries.remove(at: index), isSent)
    }

    /// Takes an entry out that nobody waits for any more; of one that was sent, what becomes of it is unknown.
    mutating func giveUp(_ id: UInt64) -> (entry: Entry, isSent: Bool)? {
        let resolved = resolve(id)
        if resolved?.isSent == true { hasGivenUp = true }
        return resolved
    }

    /// The channel ended; returns the entries that are to blame for its error.
    mutating func channelEnded(_ error: AMQPError?) -> [Entry] {
        isReady = false
        let sent = Array(entries.prefix(sentCount))
        let isComplete = !hasGivenUp
        (sentCount, hasGivenUp) = (0, false)
        guard let error, error.code == .channelClosed, !sent.isEmpty else { return [] }
        // With the word before it: a virtual host may have the name of an exchange.
        let named = sent.filter { entry in
            let name = entry.message.exchange.isEmpty ? "amq.default" : entry.message.exchange
            guard error.message.contains("exchange '\(name)'") else { return false }
            // "access to topic 'k' in exchange 'e' … refused" is about that routing key alone.
            return !error.message.contains("topic '") || error.message.contains("topic '\(entry.message.routingKey)'")
        }
        if !named.isEmpty { return named.compactMap { resolve($0.id)?.entry } }
        if sent.count == 1, isComplete { return sent.compactMap { resolve($0.id)?.entry } }
        suspects.formUnion(sent.map(\.id))
        return []
    }

    /// Takes the entries out whose deadline has passed.
    mutating func expire(now: NIODeadline) -> [Entry] {
        entries.filter { $0.deadline <= now }.compactMap { giveUp($0.id)?.entry }
    }

    var earliestDeadline: NIODeadline? { entries.lazy.map(\.deadline).min() }

    mutating func removeAll() -> [Entry] {
        defer { (entries, sentCount) = (CircularBuffer(), 0) }
        return Array(entries)
    }
}
