import Synchronization

/// The timeouts of all running handlers, watched by one task of the worker instead of a timer per message.
///
/// An alarm is set only when a deadline comes before all alarms that are set already. A handler that ends in time takes
/// its entry away; the alarm then finds nothing due and sets the next one.
final class HandlerDeadlines: Sendable {
    private struct Entry {
        var deadline: Duration
        var cancel: @Sendable () -> Void
    }

    private struct State {
        var nextID = 0
        var entries: [Int: Entry] = [:]
        var alarms: [Duration] = []

        /// The deadline to set an alarm for, if none that is set comes first.
        mutating func alarmNeeded(for deadline: Duration) -> Duration? {
            if let earliest = alarms.min(), earliest <= deadline { return nil }
            alarms.append(deadline)
            return deadline
        }
    }

    private let state = Mutex(State())
    private let clock: WorkerClock
    private let requests: AsyncStream<Duration>
    private let request: AsyncStream<Duration>.Continuation

    init(clock: WorkerClock) {
        self.clock = clock
        (requests, request) = AsyncStream.makeStream()
    }

    /// Watches until cancelled.
    func run() async {
        await withDiscardingTaskGroup { group in
            for await deadline in requests {
                group.addTask {
                    guard (try? await self.clock.alarm(deadline)) != nil else { return }
                    self.rang(deadline)
                }
            }
            group.cancelAll()
        }
    }

    /// Calls `cancel` once the clock's uptime has reached the deadline, unless the deadline is removed first.
    func add(at deadline: Duration, cancel: @escaping @Sendable () -> Void) -> Int {
        let (id, alarm) = state.withLock { state in
            state.nextID += 1
            state.entries[state.nextID] = Entry(deadline: deadline, cancel: cancel)
            return (state.nextID, state.alarmNeeded(for: deadline))
        }
        if let alarm { request.yield(alarm) }
        return id
    }

    /// Takes a deadline away; `false` if it had already passed.
    func remove(_ id: Int) -> Bool {
        state.withLock { $0.entries.removeValue(forKey: id) != nil }
    }

    private func rang(_ alarm: Duration) {
        let now = clock.uptime()
        let (due, next) = state.withLock { state in
            if let index = state.alarms.firstIndex(of: alarm) { state.alarms.remove(at: index) }
            let due = state.entries.filter { $0.value.deadline <= now }
            for id in due.keys { state.entries[id] = nil }
            let following = state.entries.values.map(\.deadline).min()
            return (due.values.map(\.cancel), following.flatMap { state.alarmNeeded(for: $0) })
        }
        for cancel in due { cancel() }
        if let next { request.yield(next) }
    }
}
