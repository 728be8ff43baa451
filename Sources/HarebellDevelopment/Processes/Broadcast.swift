import Synchronization

/// Sends every value to every stream that was asked for before.
final class Broadcast<Value: Sendable>: Sendable {
    private struct State {
        var listeners: [Int: AsyncStream<Value>.Continuation] = [:]
        var next = 0
        var isFinished = false
    }

    private let state = Mutex(State())

    /// The values from now on.
    ///
    /// Unbounded: what is sent is about loans of a demonstration, and a listener must miss none.
    func stream() -> AsyncStream<Value> {
        let (stream, continuation) = AsyncStream.makeStream(of: Value.self)
        let ticket = state.withLock { state -> Int? in
            guard !state.isFinished else { return nil }
            state.next += 1
            state.listeners[state.next] = continuation
            return state.next
        }
        guard let ticket else {
            continuation.finish()
            return stream
        }
        continuation.onTermination = { [weak self] _ in
            _ = self?.state.withLock { $0.listeners.removeValue(forKey: ticket) }
        }
        return stream
    }

    /// Sends a value to all.
    func send(_ value: Value) {
        // Yielding under the lock keeps one order for all; it wakes tasks and runs none of their code.
        state.withLock { state in
            for listener in state.listeners.values { listener.yield(value) }
        }
    }

    /// Ends all streams, also those that are asked for later.
    func finish() {
        let listeners = state.withLock { state in
            defer { state.listeners = [:] }
            state.isFinished = true
            return Array(state.listeners.values)
        }
        // Outside the lock: finishing calls `onTermination`, which takes it.
        for listener in listeners { listener.finish() }
    }
}
