public import Synchronization

/// A value that tasks can wait on.
///
/// Inlinable, for a transport looks into one several times for each message: unspecialized, each look asks the runtime for
/// types. The compiler inlines nothing that is `package` into another module, so this is public, for transports only.
@_spi(HarebellTransports) public final class Watched<Value: Sendable>: Sendable {
    @usableFromInline struct Waiter: Sendable {
        @usableFromInline let isReached: @Sendable (Value) -> Bool
        @usableFromInline let continuation: CheckedContinuation<Void, Never>
    }

    @usableFromInline struct State: Sendable {
        @usableFromInline var value: Value
        @usableFromInline var nextWaiter: UInt64 = 0
        @usableFromInline var waiters: [UInt64: Waiter] = [:]
    }

    @usableFromInline let state: Mutex<State>

    /// Makes one of a first value.
    public init(_ value: Value) {
        state = Mutex(State(value: value))
    }

    /// Looks at the value.
    @inlinable @inline(__always)
    public func read<R: Sendable>(_ body: (Value) -> R) -> R { state.withLock { body($0.value) } }

    /// Changes the value, and resumes those who waited for what it is now.
    @inlinable @inline(__always) @discardableResult
    public func change<R: Sendable>(_ body: (inout Value) -> R) -> R {
        let (result, reached) = state.withLock { state in
            let result = body(&state.value)
            guard !state.waiters.isEmpty else { return (result, [Waiter]()) }
            let reached = state.waiters.filter { $0.value.isReached(state.value) }
            for id in reached.keys { state.waiters[id] = nil }
            return (result, Array(reached.values))
        }
        for waiter in reached { waiter.continuation.resume() }
        return result
    }

    /// Returns when the value is as asked for, or when the task is cancelled.
    public func wait(until isReached: @escaping @Sendable (Value) -> Bool) async {
        let id = state.withLock { state in
            state.nextWaiter += 1
            return state.nextWaiter
        }
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let isOver = state.withLock { state in
                    if isReached(state.value) || Task.isCancelled { return true }
                    state.waiters[id] = Waiter(isReached: isReached, continuation: continuation)
                    return false
                }
                if isOver { continuation.resume() }
            }
        } onCancel: {
            state.withLock { $0.waiters.removeValue(forKey: id) }?.continuation.resume()
        }
    }
}
