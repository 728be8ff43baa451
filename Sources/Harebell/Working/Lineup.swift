/// Which deliveries may run now, and which of them together: a value that does no I/O.
///
/// A delivery that is handled alone runs when its lane lets it. One whose subscription collects goes into its type's open
/// batch:
///
/// | state of a batch | event | next state |
/// |---|---|---|
/// | (none) | an event of its type comes, and its lane is free | open, until its wait is over |
/// | open | one comes whose lane is free, or holds only events of this batch | open; closed if it is full now |
/// | open | one comes whose lane holds something else | open; that one waits in its lane |
/// | open | its wait is over, or nothing more is taken (drained, paused, stopping) | closed |
/// | closed | its task takes it | (gone: what follows is ``BatchRun``) |
///
/// So a batch never waits for longer than its first event was told to, events of one key come in one batch or one batch
/// after the other, always in their order, and nothing that is handled alone gets between them.
struct Lineup<Item: Sendable>: Sendable {
    /// How an item is collected.
    struct Seat: Sendable {
        let key: String?
        let type: EventType
        let size: Int
        let wait: Duration
    }

    /// What comes of an item that has left its lane.
    struct Following: Sendable {
        /// The next of the lane, which runs alone.
        var single: Item?
        /// The batch that was opened by the next of the lane, and has to be run.
        var opened: Int?
    }

    private struct Batch {
        let type: EventType
        let size: Int
        let until: Duration
        var items: [Item] = []
        var isClosed = false
    }

    private var lanes = Lanes<Item>()
    private var batches: [Int: Batch] = [:]
    private var open: [EventType: Int] = [:]
    private var lastNumber = 0

    // MARK: One at a time

    /// Whether an item that is handled alone may run now; otherwise it waits in its lane.
    mutating func enter(_ item: Item, key: String) -> Bool { lanes.enter(item, key: key) }

    /// An item has ended, and left its lane.
    mutating func leave(_ key: String, seat: (Item) -> Seat?, now: () -> Duration) -> Following {
        guard let next = lanes.leave(key) else { return Following() }
        guard let first = seat(next) else { return Following(single: next) }
        let (number, isNew) = batch(for: first, now: now)
        lanes.join(number, in: key)
        add(next, to: number)
        while open[first.type] == number,
            let item = lanes.follow(in: key, where: { seat($0).map { $0.type == first.type } ?? false })
        {
            add(item, to: number)
        }
        return Following(opened: isNew ? number : nil)
    }

    // MARK: Together

    /// Collects an item, or lets it wait in its lane: the batch that it has opened, which has to be run.
    mutating func collect(_ item: Item, _ seat: Seat, now: () -> Duration) -> Int? {
        // The lane is asked before a batch is opened, for which there may be no need.
        let number = open[seat.type] ?? lastNumber + 1
        if let key = seat.key, !lanes.enter(item, key: key, batch: number) { return nil }
        let (_, isNew) = batch(for: seat, now: now)
        add(item, to: number)
        return isNew ? number : nil
    }

    /// When the batch's wait is over; `nil` if it is closed.
    func end(of number: Int) -> Duration? { isClosed(number) ? nil : batches[number]?.until }

    func isClosed(_ number: Int) -> Bool { batches[number]?.isClosed ?? true }

    /// Nothing more comes into this one.
    mutating func close(_ number: Int) {
        guard let batch = batches[number], !batch.isClosed else { return }
        batches[number]?.isClosed = true
        open[batch.type] = nil
    }

    /// Nothing more comes into any of them.
    mutating func closeAll() {
        for number in Array(open.values) { close(number) }
    }

    /// Takes a batch away, in the order of its arrivals.
    mutating func take(_ number: Int) -> [Item] {
        close(number)
        return batches.removeValue(forKey: number)?.items ?? []
    }

    /// How many items wait in open batches, and when the first of these closes; `nil` if there is none.
    var collecting: (count: Int, until: Duration)? {
        let waiting = open.values.compactMap { batches[$0] }
        return waiting.map(\.until).min().map { (waiting.reduce(0) { $0 + $1.items.count }, $0) }
    }

    private mutating func batch(for seat: Seat, now: () -> Duration) -> (number: Int, isNew: Bool) {
        if let number = open[seat.type] { return (number, false) }
        lastNumber += 1
        open[seat.type] = lastNumber
        batches[lastNumber] = Batch(type: seat.type, size: seat.size, until: now() + seat.wait)
        return (lastNumber, true)
    }

    private mutating func add(_ item: Item, to number: Int) {
        batches[number]?.items.append(item)
        if let batch = batches[number], batch.items.count >= batch.size { close(number) }
    }
}
