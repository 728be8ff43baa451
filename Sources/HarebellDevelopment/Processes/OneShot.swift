import Synchronization

/// A value that is set once and awaited by any number of tasks.
final class OneShot<Value: Sendable>: Sendable {
    private enum State {
        case waiting(next: UInt64, [UInt64: CheckedContinuation<Value?, Never>])
        case set(Value)
    }

    private let state = Mutex(State.waiting(next: 0, [:]))

    /// The value, if it is set.
    var current: Value? {
        state.withLock { state in
            if case .set(let value) = state { value } else { nil }
        }
    }

    /// Sets the value and wakes everybody who awaits it; a second value is ignored.
    func set(_ value: Value) {
        let waiting = state.withLock { state -> [CheckedContinuation<Value?, Never>] in
            guard case .waiting(_, let waiting) = state else { return [] }
            state = .set(value)
            return Array(waiting.values)
        }
        for continuation in waiting { continuation.resume(returning: value) }
    }

    /// Awaits the value; nil when the task was cancelled first.
    func value() async -> Value? {
        let ticket = state.withLock { state -> UInt64 in
            guard case .waiting(let next, let waiting) = state else { return 0 }
            state = .waiting(next: next + 1, waiting)
            return next
        }
        return await withTaskCancellationHandler {
            await withCheckedContinuation { (continuation: CheckedContinuation<Value?, Never>) in
                // `onCancel` may have run already, before there was anything to resume: then the task says so.
                let immediate = state.withLock { state -> Value?? in
                    switch state {
                    case .set(let value):
                        return .some(value)
                    case .waiting where Task.isCancelled:
                        return .some(nil)
                    case .waiting(let next, var waiting):
                        waiting[ticket] = continuation
                        state = .waiting(next: next, waiting)
                        return nil
                    }
                }
                if let immediate { continuation.resume(returning: immediate) }
            }
        } onCancel: {
            let continuation = state.withLock { state -> CheckedContinuation<Value?, Never>? in
                guard case .waiting(let next, var waiting) = state else { return nil }
                let continuation = waiting.removeValue(forKey: ticket)
                state = .waiting(next: next, waiting)
                return continuation
            }
            continuation?.resume(returning: nil)
        }
    }

    /// Awaits the value for at most `limit`; nil when it did not come.
    func value(within limit: Duration) async -> Value? {
        await withTaskGroup(of: Value?.self) { group in
            group.addTask { await self.value() }
            group.addTask {
                try? await Task.sleep(for: limit)
                return nil
            }
            let first = await group.next() ?? nil
            group.cancelAll()
            return first
        }
    }
}
