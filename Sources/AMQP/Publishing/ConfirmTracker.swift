import NIOCore

/// What the broker made of a publish.
enum PublishOutcome: Sendable, Equatable {
    case confirmed
    case nacked
    case returned(code: UInt16, text: String)
}

/// Tells a returned message from its neighbours.
///
/// basic.return carries no delivery tag, only the message. Two messages that agree in all of this are interchangeable:
/// which of their publishers hears of the return makes no difference to what is stored.
struct ReturnKey: Sendable, Hashable {
    /// Exchange and routing key.
    var route: Int
    /// The message id or, without one, properties and body.
    var content: Int
}

/// The unconfirmed publishes of a channel in the order in which they were sent.
///
/// The broker numbers publishes from 1 on each channel. A return precedes the confirm of the same publish, so it is
/// only noted; the confirm resolves the publish, once. States of a publish:
///
///     waiting ──return──► returned ──ack──► resolved (.returned)
///        │ ack/nack ────► resolved (.confirmed/.nacked)
///        │ abandon ─────► abandoned ──ack/nack──► resolved, nobody told
struct ConfirmTracker<Waiter: Sendable>: Sendable {
    private struct Entry: Sendable {
        var waiter: Waiter?
        var key: ReturnKey?
        var deadline: NIODeadline?
        var returned: PublishOutcome?
        var isResolved = false
    }

    private var entries = CircularBuffer<Entry>()
    private var first: UInt64 = 1

    /// How many publishes the broker has not confirmed.
    private(set) var unconfirmed = 0

    /// The number the next publish gets.
    var next: UInt64 { first + UInt64(entries.count) }

    /// Notes a publish; `key` only when the broker may return it.
    mutating func append(_ waiter: Waiter, key: ReturnKey?, deadline: NIODeadline?) {
        entries.append(Entry(waiter: waiter, key: key, deadline: deadline))
        unconfirmed += 1
    }

    /// Applies an ack or nack; calls `resolve` once for each publish it settles that still has a waiter.
    ///
    /// - Returns: whether the tag is one the broker may confirm.
    mutating func confirm(
        tag: UInt64, multiple: Bool, isAck: Bool, resolve: (Waiter, PublishOutcome) -> Void
    ) -> Bool {
        if multiple {
            let last = tag == 0 ? next - 1 : tag
            guard last < next else { return false }
            while first <= last, !entries.isEmpty { settle(0, isAck, resolve) }
            return true
        }
        guard tag > 0, tag < next else { return false }
        // Below the window it was settled before; a second confirm changes nothing.
        guard tag >= first else { return true }
        settle(Int(tag - first), isAck, resolve)
        return true
    }

    private mutating func settle(_ offset: Int, _ isAck: Bool, _ resolve: (Waiter, PublishOutcome) -> Void) {
        let index = entries.index(entries.startIndex, offsetBy: offset)
        if !entries[index].isResolved {
            entries[index].isResolved = true
            unconfirmed -= 1
            if let waiter = entries[index].waiter.take() {
                resolve(waiter, isAck ? entries[index].returned ?? .confirmed : .nacked)
            }
        }
        while let head = entries.first, head.isResolved {
            entries.removeFirst()
            first += 1
        }
    }

    /// Notes that the broker gave a message back; the publish is resolved by the confirm that follows.
    ///
    /// The best match is the oldest publish that has not been returned with the same route and content, then one with
    /// the same route (brokers may re-encode properties), then the oldest returnable one.
    /// - Returns: whether a publish was found.
    @discardableResult
    mutating func markReturned(_ key: ReturnKey, code: UInt16, text: String) -> Bool {
        func find(_ matches: (ReturnKey) -> Bool) -> CircularBuffer<Entry>.Index? {
            entries.firstIndex { entry in
                guard !entry.isResolved, entry.returned == nil, let key = entry.key else { return false }
                return matches(key)
            }
        }
        let index = find { $0 == key } ?? find { $0.route == key.route } ?? find { _ in true }
        guard let index else { return false }
        entries[index].returned = .returned(code: code, text: text)
        return true
    }

    // Indices are counted by hand: `indices` of a circular buffer holds a copy of it, and the first change within a loop
    // over them would copy all entries.

    /// Takes the waiters for which `isGivenUp` holds; their publishes stay, to keep the numbering.
    mutating func abandon(where isGivenUp: (Waiter, NIODeadline?) -> Bool) -> [Waiter] {
        var waiters: [Waiter] = []
        var index = entries.startIndex
        while index != entries.endIndex {
            if let waiter = entries[index].waiter, isGivenUp(waiter, entries[index].deadline) {
                entries.modify(index) { $0.waiter = nil }
                waiters.append(waiter)
            }
            entries.formIndex(after: &index)
        }
        return waiters
    }

    /// Takes the waiters of calls, each of one message or several; their publishes stay, to keep the numbering.
    ///
    /// One look at each publish serves all calls, and the latest are looked at first: calls are mostly given up soon, and
    /// many at once must not cost their square.
    mutating func abandonCalls(
        _ calls: Set<UInt64>, call: (Waiter) -> UInt64, isFirst: (Waiter) -> Bool
    ) -> [Waiter] {
        var open = calls
        var waiters: [Waiter] = []
        var index = entries.endIndex
        while index != entries.startIndex, !open.isEmpty {
            entries.formIndex(before: &index)
            guard let waiter = entries[index].waiter, open.contains(call(waiter)) else { continue }
            entries.modify(index) { $0.waiter = nil }
            waiters.append(waiter)
            if isFirst(waiter) { open.remove(call(waiter)) }
        }
        return waiters.reversed()
    }

    /// Takes all waiters, for the channel is gone and what became of their messages is unknown.
    mutating func removeAll() -> [Waiter] {
        let waiters = entries.compactMap(\.waiter)
        first = next
        entries.removeAll()
        unconfirmed = 0
        return waiters
    }

    /// The earliest deadline of a publish that is waited for.
    var earliestDeadline: NIODeadline? {
        entries.lazy.compactMap { $0.waiter == nil ? nil : $0.deadline }.min()
    }
}
