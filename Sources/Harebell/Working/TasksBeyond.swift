import Synchronization

/// Tasks that take over from tasks which a handler's timeout has cancelled, until the shift itself is cancelled.
///
/// A handler runs in its delivery's task, and what follows must not be cancelled with it: a cancelled task stores no retry. Each is waited for by the one that it took over from, so none outlives the shift.
final class TasksBeyond: Sendable {
    private struct State {
        var isCancelled = false
        var nextID = 0
        var cancels: [Int: @Sendable () -> Void] = [:]
    }

    private let state = Mutex(State())

    var isCancelled: Bool { state.withLock { $0.isCancelled } }

    /// Cancels all there are, and from now on each one that comes.
    func cancelAll() {
        let cancels = state.withLock { state in
            state.isCancelled = true
            return Array(state.cancels.values)
        }
        for cancel in cancels { cancel() }
    }

    /// Runs the body in a task of its own, and waits for its end, whether or not the caller's task is cancelled.
    func run<Result: Sendable>(_ body: @escaping @Sendable () async -> Result) async -> Result {
        let task = Task { await body() }
        let (id, isCancelled) = state.withLock { state in
            state.nextID += 1
            state.cancels[state.nextID] = { task.cancel() }
            return (state.nextID, state.isCancelled)
        }
        defer { state.withLock { _ = $0.cancels.removeValue(forKey: id) } }
        if isCancelled { task.cancel() }
        return await task.value
    }
}

extension Shift {
    /// Whether a handler's timeout, or a handler, has cancelled the current task, so that it can do nothing more; when the
    /// shift itself ends, there is nothing more to do.
    var isUsedUp: Bool { Task.isCancelled && !beyond.isCancelled }
}
