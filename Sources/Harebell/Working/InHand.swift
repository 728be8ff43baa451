/// The deliveries in a worker's hands, and which of them may begin: a value that does no I/O.
///
/// | a delivery is | until |
/// |---|---|
/// | waiting: nothing was done for it | it begins, or is handed back |
/// | begun: its handler runs, or its outcome is being stored | it is settled |
///
/// Those that ask begin in the order in which they asked, when nobody holds all back, the admission lets them, and there
/// is room within the concurrency and the rate. One that has waited for too long does not begin: it has to be handed back.
struct InHand: Sendable {
    /// Who may begin.
    enum Admission: Sendable, Hashable {
        case all
        case only(Int)
        case none
    }

    /// What an asker hears.
    enum Answer: Sendable, Hashable {
        case begin
        /// It is not the worker's any more, or nothing begins any more.
        case gone
        /// It has waited for so long that what follows would hold it for too long altogether.
        case overdue
    }

    private struct Entry {
        let delivery: TransportDelivery
        let since: Duration
        var hasBegun = false
    }

    private var entries: [Int: Entry] = [:]
    /// How many have ever arrived.
    private(set) var arrivals = 0
    private var askers: [Int] = []
    /// Those that begin together, by the one that asks for all.
    private var groups: [Int: [Int]] = [:]
    /// Whether something was taken away since all were answered.
    private var askersMayBeGone = false
    private var running = 0
    /// How many hold everything back because an outcome cannot be stored.
    private(set) var holders = 0
    private(set) var isStopping = false
    /// How long a delivery may wait before it begins.
    let longestWait: Duration
    /// How many may be begun at a time; `nil` for as many as there are.
    let concurrency: Int?

    private var bucket: TokenBucket?

    init(longestWait: Duration, concurrency: Int? = nil, rate: RateLimit? = nil) {
        self.longestWait = longestWait
        self.concurrency = concurrency
        self.bucket = rate.map { TokenBucket($0) }
    }

    var isEmpty: Bool { entries.isEmpty }
    var count: Int { entries.count }
    /// How many have not begun.
    var waiting: Int { entries.values.count { !$0.hasBegun } }
    /// When the oldest arrived.
    var oldest: Duration? { entries.values.lazy.map(\.since).min() }
    var isHeldBack: Bool { holders > 0 && !isStopping }

    // MARK: Arriving and leaving

    /// Notes an arrival and returns its place in the order.
    mutating func admit(_ delivery: TransportDelivery, at now: Duration) -> Int {
        arrivals += 1
        entries[arrivals] = Entry(delivery: delivery, since: now)
        return arrivals
    }

    /// Whether the delivery is still the worker's to settle.
    func holds(_ number: Int) -> Bool { entries[number] != nil }

    /// Takes the delivery out of the books; `false` if it was handed back meanwhile and must not be settled.
    mutating func settle(_ number: Int) -> Bool { entries.removeValue(forKey: number) != nil }

    /// One that has begun is to be handed back like those that wait; `false` if it is not the worker's any more.
    mutating func putBack(_ number: Int) -> Bool {
        guard let index = entries.index(forKey: number) else { return false }
        entries.values[index].hasBegun = false
        return true
    }

    /// One that had begun has ended, settled or not.
    mutating func ended(_ number: Int) { running -= 1 }

    /// Takes everything that waits, but for one, the first arrival first.
    ///
    /// A quorum queue of RabbitMQ 3.10 delivers what was handed back in the order in which it was, before the rest; a
    /// newer one puts each back into its place. So this order keeps the queue's on both.
    mutating func takeWaiting(except admitted: Int?) -> [TransportDelivery] {
        take { !$0.value.hasBegun && $0.key != admitted }
    }

    /// Takes everything that is unsettled, the first arrival first.
    mutating func takeAll() -> [TransportDelivery] { take { _ in true } }

    private mutating func take(where isWanted: ((key: Int, value: Entry)) -> Bool) -> [TransportDelivery] {
        guard !entries.isEmpty else { return [] }
        let taken = entries.filter { isWanted(($0.key, $0.value)) }.sorted { $0.key < $1.key }
        for (number, _) in taken { entries[number] = nil }
        askersMayBeGone = true
        return taken.map(\.value.delivery)
    }

    /// Whether one that waits has waited for too long.
    func hasOverdue(at now: Duration) -> Bool {
        entries.values.contains { !$0.hasBegun && now - $0.since > longestWait }
    }

    // MARK: Beginning

    /// From now on nothing begins.
    mutating func stop() { isStopping = true }
    mutating func hold() { holders += 1 }
    mutating func letGo() { holders -= 1 }

    /// One asks to begin: the answer if there is one at once; otherwise it waits for its turn.
    mutating func ask(_ number: Int, at now: Duration, admission: Admission) -> Answer? {
        let answer = answerAtOnce(number, at: now, admission: admission)
        if answer == nil { askers.append(number) }
        return answer
    }

    /// The answer, if nobody has to be waited for.
    mutating func answerAtOnce(_ number: Int, at now: Duration, admission: Admission) -> Answer? {
        guard askers.isEmpty || admission == .only(number) else { return nil }
        return answer(number, at: now, admission)
    }

    /// Lets some begin together, when there is room for all of them that are left; the first asks for all.
    mutating func gather(_ numbers: [Int]) {
        if let first = numbers.first { groups[first] = numbers }
    }

    /// They have heard their answer.
    mutating func scatter(_ first: Int) { groups[first] = nil }

    /// One does not want to begin any more.
    mutating func withdraw(_ number: Int) { askers.removeAll { $0 == number } }

    /// The answers that can be given now, the first asker's first.
    mutating func answers(at now: Duration, admission: Admission) -> [(number: Int, answer: Answer)] {
        guard !askers.isEmpty else { return [] }
        var answers: [(Int, Answer)] = []
        if admission == .all, !askersMayBeGone, !isStopping {
            while answers.count < askers.count, let answer = answer(askers[answers.count], at: now, admission) {
                answers.append((askers[answers.count], answer))
            }
            askers.removeFirst(answers.count)
            return answers
        }
        var waiting: [Int] = []
        for number in askers {
            // What is gone hears of it although those before it have to wait.
            let mustWait = admission == .all && !waiting.isEmpty && !isStopping && isLeft(number)
            if !mustWait, let answer = answer(number, at: now, admission) {
                answers.append((number, answer))
            } else {
                waiting.append(number)
            }
        }
        askers = waiting
        askersMayBeGone = false
        return answers
    }

    /// When to look for answers again, where time alone can give one: the next token, or too long a wait for it.
    func nextLook(at now: Duration) -> Duration? {
        guard let bucket, let first = askers.first else { return nil }
        let left = left(of: first)
        guard let oldest = left.first.flatMap({ entries[$0]?.since }) else { return nil }
        let token = bucket.nextToken(at: now)
        guard token > now, holders == 0, running + left.count <= concurrency ?? .max else { return nil }
        return min(token, oldest + longestWait + .nanoseconds(1))
    }

    /// A call more for one that has begun: when it may be made.
    mutating func takeToken(at now: Duration) -> Duration { bucket?.take(at: now) ?? now }

    /// When the next call may be made.
    func nextToken(at now: Duration) -> Duration { bucket?.nextToken(at: now) ?? now }

    private mutating func answer(_ number: Int, at now: Duration, _ admission: Admission) -> Answer? {
        if !groups.isEmpty, groups[number] != nil { return answer(toGroupOf: number, at: now, admission) }
        guard !isStopping, let index = entries.index(forKey: number) else { return .gone }
        guard admission == .all || admission == .only(number) else { return nil }
        if now - entries.values[index].since > longestWait { return .overdue }
        guard holders == 0, running < concurrency ?? .max else { return nil }
        if let bucket, bucket.nextToken(at: now) > now { return nil }
        _ = bucket?.take(at: now)
        entries.values[index].hasBegun = true
        running += 1
        return .begin
    }

    /// A batch takes as much room as it has messages, and one token, for it is one call.
    private mutating func answer(toGroupOf number: Int, at now: Duration, _ admission: Admission) -> Answer? {
        let left = left(of: number)
        guard !isStopping, let first = left.first else { return .gone }
        guard admission == .all || (admission == .only(first) && left.count == 1) else { return nil }
        if left.contains(where: { entries[$0].map { now - $0.since > longestWait } ?? false }) { return .overdue }
        guard holders == 0, running + left.count <= concurrency ?? .max else { return nil }
        if let bucket, bucket.nextToken(at: now) > now { return nil }
        _ = bucket?.take(at: now)
        for member in left { entries[member]?.hasBegun = true }
        running += left.count
        return .begin
    }

    private func isLeft(_ number: Int) -> Bool {
        groups[number] == nil ? entries[number] != nil : !left(of: number).isEmpty
    }

    /// Those that one asks for and that are still in hand.
    private func left(of number: Int) -> [Int] {
        (groups[number] ?? [number]).filter { entries[$0] != nil }
    }
}
