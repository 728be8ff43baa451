/// The deliveries in a worker's hands, for its tasks: they wait here for their turn, and for the end of others.
final class Ledger: Sendable {
    private struct State {
        var hand: InHand
        var askers: [Int: CheckedContinuation<InHand.Answer, Never>] = [:]
        var tasks = 0
        /// When the next look will be, if one is asked for.
        var nextLook: Duration?
    }

    private let state: Watched<State>
    private let clock: WorkerClock
    /// Who may begin; asked anew each time, so that it holds from the moment it changes.
    private let admission: @Sendable () -> InHand.Admission
    /// Calls ``review()`` at an uptime.
    private let lookAgain: @Sendable (Ledger, Duration) -> Void

    init(
        _ hand: InHand, clock: WorkerClock, admission: @escaping @Sendable () -> InHand.Admission = { .all },
        lookAgain: @escaping @Sendable (Ledger, Duration) -> Void = { _, _ in }
    ) {
        self.state = Watched(State(hand: hand))
        self.clock = clock
        self.admission = admission
        self.lookAgain = lookAgain
    }

    var isStopping: Bool { state.read(\.hand.isStopping) }
    /// Whether nothing begins because an outcome cannot be stored.
    var isHeldBack: Bool { state.read(\.hand.isHeldBack) }
    var isEmpty: Bool { state.read(\.hand.isEmpty) }
    /// How many deliveries are unsettled.
    var count: Int { state.read(\.hand.count) }
    /// The worker's uptime when the oldest of them arrived.
    var oldest: Duration? { state.read(\.hand.oldest) }

    // MARK: Arriving and leaving

    /// Notes an arrival and returns its place in the order.
    /// - Parameter now: the clock's uptime, if it was asked.
    func admit(_ delivery: TransportDelivery, at now: Duration? = nil) -> Int {
        let now = now ?? clock.uptime()
        return state.change { $0.hand.admit(delivery, at: now) }
    }

    func holds(_ number: Int) -> Bool { state.read { $0.hand.holds(number) } }

    /// Takes the delivery out of the books; `false` if it was handed back meanwhile and must not be settled.
    func settle(_ number: Int) -> Bool { state.change { $0.hand.settle(number) } }

    /// Takes everything that waits and that the admission does not let begin, the first arrival first.
    func takeExcluded(_ admission: InHand.Admission) -> [TransportDelivery] {
        change { state in
            switch admission {
            case .all: []
            case .only(let number): state.hand.takeWaiting(except: number)
            case .none: state.hand.takeWaiting(except: nil)
            }
        }
    }

    /// Whether one that waits has waited for too long.
    var hasOverdue: Bool {
        let now = clock.uptime()
        return state.read { $0.hand.hasOverdue(at: now) }
    }

    /// How many wait.
    var waiting: Int { state.read(\.hand.waiting) }

    /// Takes everything that is unsettled, the first arrival first.
    func takeAll() -> [TransportDelivery] { change { $0.hand.takeAll() } }

    // MARK: Beginning

    /// From now on nothing begins.
    func stop() { change { $0.hand.stop() } }
    /// Nothing begins until ``letGo()``, called as often.
    func hold() { change { $0.hand.hold() } }
    func letGo() { change { $0.hand.letGo() } }
    /// Looks again who may begin.
    func review() { change { $0.nextLook = nil } }

    /// Waits for the delivery's turn; ``InHand/Answer/gone`` also when the task is cancelled.
    func begin(_ number: Int) async -> InHand.Answer {
        let now = clock.uptime()
        // Mostly there is nothing to wait for.
        let answer = state.change { $0.hand.answerAtOnce(number, at: now, admission: admission()) }
        if let answer { return answer }
        return await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let isCancelled = change { state in
                    guard !Task.isCancelled else { return true }
                    if let answer = state.hand.ask(number, at: clock.uptime(), admission: admission()) {
                        continuation.resume(returning: answer)
                    } else {
                        state.askers[number] = continuation
                    }
                    return false
                }
                if isCancelled { continuation.resume(returning: .gone) }
            }
        } onCancel: {
            change { state in
                state.hand.withdraw(number)
                state.askers.removeValue(forKey: number)?.resume(returning: .gone)
            }
        }
    }

    /// Waits until all of a batch that are left may begin, at once: those that are still held then have begun.
    func begin(batch numbers: [Int]) async -> InHand.Answer {
        guard let first = numbers.first else { return .gone }
        state.change { $0.hand.gather(numbers) }
        defer { state.change { $0.hand.scatter(first) } }
        return await begin(first)
    }

    /// Takes a token of the rate for one more call, and says how long to wait before it.
    func takeToken() -> Duration {
        let now = clock.uptime()
        return state.change { max(.zero, $0.hand.takeToken(at: now) - now) }
    }

    /// One that has begun counts as waiting again, to be handed back; `false` if it is not the worker's any more.
    func putBack(_ number: Int) -> Bool { change { $0.hand.putBack(number) } }

    /// When the next token of the rate comes, from now.
    var timeToToken: Duration {
        let now = clock.uptime()
        return state.read { max(.zero, $0.hand.nextToken(at: now) - now) }
    }

    /// One that had begun has ended.
    func ended(_ number: Int) { change { $0.hand.ended(number) } }

    /// Makes a change, and tells those who may begin because of it.
    @discardableResult
    private func change<Result: Sendable>(_ body: (inout State) -> Result) -> Result {
        let (result, look) = state.change { state -> (Result, Duration?) in
            let result = body(&state)
            guard !state.askers.isEmpty else { return (result, nil) }
            let now = clock.uptime()
            for (number, answer) in state.hand.answers(at: now, admission: admission()) {
                state.askers.removeValue(forKey: number)?.resume(returning: answer)
            }
            guard let look = state.hand.nextLook(at: now), look < state.nextLook ?? .seconds(Int64.max) else {
                return (result, nil)
            }
            state.nextLook = look
            return (result, look)
        }
        if let look { lookAgain(self, look) }
        return result
    }

    // MARK: Tasks

    func taskBegan() { state.change { $0.tasks += 1 } }
    func taskEnded() { state.change { $0.tasks -= 1 } }

    /// Returns when no task is at work, or when the task is cancelled.
    func idle() async { await state.wait { $0.tasks == 0 } }

    /// Returns when so many have arrived, when nothing begins any more, or when the task is cancelled.
    func arrived(_ count: Int) async { await state.wait { $0.hand.arrivals >= count || $0.hand.isStopping } }

    /// Returns when nothing is in hand, when nothing begins any more, or when the task is cancelled.
    func emptied() async { await state.wait { $0.hand.isEmpty || $0.hand.isStopping } }
}
