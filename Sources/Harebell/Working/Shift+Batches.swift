/// How batches come about: see ``Lineup`` for what is collected, and ``BatchRun`` for what becomes of it.
extension Shift {
    /// What runs in a task that no arrival has begun.
    enum Work: Sendable {
        case batch(Int)
        /// A delivery that has come out of its lane behind a batch.
        case lane(Arrival)
    }

    /// Runs batches, until cancelled.
    func runBatches() async {
        await withDiscardingTaskGroup { group in
            for await work in works {
                // Counted here and not when it was wanted: what nobody takes any more is handed back with the rest.
                ledger.taskBegan()
                group.addTask {
                    switch work {
                    case .batch(let number): await self.runBatch(number)
                    case .lane(let arrival): await self.runLane(from: arrival)
                    }
                    self.ledger.taskEnded()
                }
            }
        }
    }

    /// Takes an arrival into its batch, or lets it wait in its lane for that; `false` if it is to be handled alone.
    func collect(_ arrival: Arrival) -> Bool {
        guard let seat = seat(of: arrival) else { return false }
        run(lineup.change { $0.collect(arrival, seat, now: configuration.clock.uptime) })
        return true
    }

    /// A delivery leaves its lane: the next one, if it is handled alone.
    ///
    /// Those that are collected go into their batch.
    func leaveBeforeBatches(_ lane: String) -> Arrival? {
        let following = lineup.change {
            $0.leave(lane, seat: { self.seat(of: $0) }, now: configuration.clock.uptime)
        }
        run(following.opened)
        return following.single
    }

    /// Lets something run in a task of its own.
    func begin(_ work: Work) { self.work.yield(work) }

    private func run(_ opened: Int?) {
        // What is in hand when nothing more is taken need not wait for more.
        if !isCollecting { lineup.change { $0.closeAll() } }
        if let opened { begin(.batch(opened)) }
    }

    private var isCollecting: Bool { !ledger.isStopping && plan.read { $0.taking != .nothing } }

    /// How an arrival is collected; `nil` if it is handled alone.
    ///
    /// Alone are those beside which nothing is expected (probes, and what may be deadly), and those at their last attempt: what
    /// fails only because of its company does not become a dead letter.
    private func seat(of arrival: Arrival) -> Lineup<Arrival>.Seat? {
        guard !arrival.delivery.comesAlone, case .success(let envelope) = arrival.delivery.content,
            let route = table[envelope.type], let batches = route.subscription.batches
        else { return nil }
        let attempts = arrival.delivery.attempts
        guard attempts == 0 || attempts + 1 < route.retry.maximumAttempts else { return nil }
        return Lineup.Seat(key: arrival.lane, type: envelope.type, size: batches.size, wait: batches.wait)
    }

    /// Waits until the batch is closed, then sees its deliveries to their outcomes.
    private func runBatch(_ number: Int) async {
        if let end = lineup.read({ $0.end(of: number) }) {
            let alarm = deadlines.add(at: end) { self.lineup.change { $0.close(number) } }
            await lineup.wait { $0.isClosed(number) }
            _ = deadlines.remove(alarm)
        }
        let arrivals = lineup.change { $0.take(number) }
        let answer = await ledger.begin(batch: arrivals.map(\.number))
        if answer == .overdue { handBackOverdue() }
        let begun =
            answer == .begin
            ? arrivals.filter { arrival in
                guard ledger.holds(arrival.number) else { return false }
                if endpoint.isCurrent(arrival.delivery) { return true }
                _ = forget(arrival)
                ledger.ended(arrival.number)
                return false
            } : []
        let left = Set(begun.map(\.number))
        for arrival in arrivals where !left.contains(arrival.number) { ended(arrival, wasCalled: false) }
        await BatchRun(shift: self, arrivals: begun)?.run()
    }

    /// A delivery of a batch has ended, or did not begin.
    func ended(_ arrival: Arrival, wasCalled: Bool) {
        probeEnded(arrival.number, wasCalled: wasCalled)
        guard let lane = arrival.lane, let next = leave(lane), !ledger.isStopping else { return }
        begin(.lane(next))
    }
}
