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

        /// Resolves it, once; returns whether it was this time.
        mutating func resolve(_ isAck: Bool, _ tell: (Waiter, PublishOutcome) -> Void) -> Bool {
            guard !isResolved else { return false }
            isResolved = true
            if let waiter = waiter.take() { tell(waiter, isAck ? returned ?? .confirmed : .nacked) }
            return true
        }
    }

    private var entries = CircularBuffer<Entry>()
    private var first: UInt64 = 1
    /// Those before `first` that the broker leaves unconfirmed while the ones behind them are confirmed, oldest first: of a
    /// queue without a majority it may be hours, and what is resolved behind them must not be kept as long.
    private var stragglers: [(number: UInt64, entry: Entry)] = []

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
            let count = stragglers.firstIndex { $0.number > last } ?? stragglers.count
            for index in 0..<count where stragglers[index].entry.resolve(isAck, resolve) { unconfirmed -= 1 }
            stragglers.removeFirst(count)
            while first <= last, !entries.isEmpty { settle(0, isAck, resolve) }
            return true
        }
        guard tag > 0, tag < next else { return false }
        guard tag < first else {
            settle(Int(tag - first), isAck, resolve)
            setStragglersAside()
            return true
        }
        // Otherwise it was settled before; a second confirm changes nothing.
        if let index = stragglers.firstIndex(where: { $0.number == tag }) {
            if stragglers[index].entry.resolve(isAck, resolve) { unconfirmed -= 1 }
            stragglers.remove(at: index)
        }
        return true
    }

    /// When hardly anything of much is unconfirmed, the older half gives up what is resolved.
    private mutating func setStragglersAside() {
        guard entries.count >= 4_096, unconfirmed - stragglers.count <= entries.count / 4 else { return }
        for _ in 0..<entries.count / 2 {
            let entry = entries.removeFirst()
            if !entry.isResolved { stragglers.append((first, entry)) }
            first += 1
        }
        dropResolved()
    }

    private mutating func dropResolved() {
        while let head = entries.first, head.isResolved {
            entries.removeFirst()
            first += 1
        }
    }

    private mutating func settle(_ offset: Int, _ isAck: Bool, _ resolve: (Waiter, PublishOutcome) -> Void) {
        let index = entries.index(entries.startIndex, offsetBy: offset)
        if entries[index].resolve(isAck, resolve) { unconfirmed -= 1 }
        dropResolved()
    }

    /// How many publishes are kept, resolved ones among them: bounded by what is unconfirmed.
    var kept: Int { entries.count + stragglers.count }

    /// Notes that the broker gave a message back; the publish is resolved by the confirm that follows.
    ///
    /// The best match is the oldest publish that has not been returned with the same route and content, then one with
    /// the same route (brokers may re-encode properties), then the oldest returnable one.
    /// - Returns: whether a publish was found.
    @discardableResult
    mutating func markReturned(_ key: ReturnKey, code: UInt16, text: String) -> Bool {
        func isMatch(_ entry: Entry, _ matches: (ReturnKey) -> Bool) -> Bool {
            guard !entry.isResolved, entry.returned == nil, let key = entry.key else { return false }
            return matches(key)
        }
        let outcome = PublishOutcome.returned(code: code, text: text)
        let rules: [(ReturnKey) -> Bool] = [{ $0 == key }, { $0.route == key.route }, { _ in true }]
        for matches in rules {
            if let index = stragglers.firstIndex(where: { isMatch($0.entry, matches) }) {
                stragglers[index].entry.returned = outcome
                return true
            }
            if let index = entries.firstIndex(where: { isMatch($0, matches) }) {
                entries[index].returned = outcome
                return true
            }
        }
        return false
    }

    // Indices are counted by hand: `indices` of a circular buffer holds a copy of it, and the first change within a loop
    // over them would copy all entries.

    /// Takes the waiters for which `isGivenUp` holds; their publishes stay, to keep the numbering.
    mutating func abandon(where isGivenUp: (Waiter, NIODeadline?) -> Bool) -> [Waiter] {
        var waiters: [Waiter] = []
        for index in stragglers.indices {
            if let waiter = stragglers[index].entry.waiter, isGivenUp(waiter, stragglers[index].entry.deadline) {
                stragglers[index].entry.waiter = nil
                waiters.append(waiter)
            }
        }
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
        var older = stragglers.endIndex
        while older > stragglers.startIndex, !open.isEmpty {
            older -= 1
            guard let waiter = stragglers[older].entry.waiter, open.contains(call(waiter)) else { continue }
            stragglers[older].entry.waiter = nil
            waiters.append(waiter)
            if isFirst(waiter) { open.remove(call(waiter)) }
        }
        return waiters.reversed()
    }

    /// Takes all waiters, for the channel is gone and what became of their messages is unknown.
    mutating func removeAll() -> [Waiter] {
        let waiters = stragglers.compactMap(\.entry.waiter) + entries.compactMap(\.waiter)
        first = next
        entries.removeAll()
        stragglers.removeAll()
        unconfirmed = 0
        return waiters
    }

    /// The earliest deadline of a publish that is waited for.
    var earliestDeadline: NIODeadline? {
        let kept = entries.lazy.compactMap { $0.waiter == nil ? nil : $0.deadline }.min()
        let older = stragglers.lazy.compactMap { $0.entry.waiter == nil ? nil : $0.entry.deadline }.min()
        return [kept, older].compactMap(\.self).min()
    }
}
