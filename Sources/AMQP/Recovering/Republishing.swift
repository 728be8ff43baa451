import NIOCore

/// Which messages are to be published, published again, or given up: the publisher's decisions without its I/O.
///
/// An entry lives until it is resolved. Between channels it is waiting; on a channel it is sent. When a channel ends,
/// what was sent and not resolved waits again, in order.
///
/// A channel error names no message. If its text names an exchange, the messages for that exchange are to blame; if it
/// does not, those that were under way are sent one at a time until the culprit ends a channel alone.
struct Republishing: Sendable {
    struct Entry: Sendable {
        let id: UInt64
        let message: OutgoingMessage
        let deadline: NIODeadline
        let continuation: Waiter<AMQPError?>
        var isSent = false
    }

    private var entries = CircularBuffer<Entry>()
    /// While one of these is unresolved, entries are sent one at a time.
    private var suspects: Set<UInt64> = []
    private(set) var isReady = false

    var isEmpty: Bool { entries.isEmpty }

    mutating func append(_ entry: Entry) {
        entries.append(entry)
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
    var isAwaitingConfirms: Bool { entries.first?.isSent ?? false }

    /// What to send now, in order.
    mutating func takeSendable() -> [Entry] {
        guard isReady else { return [] }
        if !suspects.isEmpty {
            guard let head = entries.first, !head.isSent else { return [] }
            entries[entries.startIndex].isSent = true
            return [head]
        }
        var sendable: [Entry] = []
        // What is sent is always a prefix, and new entries come at the end.
        for index in entries.indices.reversed() {
            if entries[index].isSent { break }
            entries[index].isSent = true
            sendable.append(entries[index])
        }
        return sendable.reversed()
    }

    /// Takes an entry out; `nil` if it was resolved before.
    mutating func resolve(_ id: UInt64) -> Entry? {
        // Confirms come in order, so this is nearly always the first.
        guard let index = entries.firstIndex(where: { $0.id == id }) else { return nil }
        suspects.remove(id)
        return entries.remove(at: index)
    }

    /// The channel ended; returns the entries that are to blame for its error.
    mutating func channelEnded(_ error: AMQPError?) -> [Entry] {
        isReady = false
        let sent = entries.filter(\.isSent)
        for index in entries.indices { entries[index].isSent = false }
        guard let error, error.code == .channelClosed, !sent.isEmpty else { return [] }
        // With the word before it: a virtual host may have the name of an exchange.
        let named = sent.filter { entry in
            let name = entry.message.exchange.isEmpty ? "amq.default" : entry.message.exchange
            return error.message.contains("exchange '\(name)'")
        }
        if !named.isEmpty { return named.compactMap { resolve($0.id) } }
        if sent.count == 1 { return sent.compactMap { resolve($0.id) } }
        suspects.formUnion(sent.map(\.id))
        return []
    }

    /// Takes the entries out whose deadline has passed.
    mutating func expire(now: NIODeadline) -> [Entry] {
        entries.filter { $0.deadline <= now }.compactMap { resolve($0.id) }
    }

    var earliestDeadline: NIODeadline? { entries.lazy.map(\.deadline).min() }

    mutating func removeAll() -> [Entry] {
        defer { entries.removeAll() }
        return Array(entries)
    }
}
