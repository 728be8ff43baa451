import Synchronization

/// A value that tests change and wait for, so that no test has to sleep.
///
/// ```swift
/// let handled = Observed<[String]>([])
/// // in a handler: handled.update { $0.append(event.loanID) }
/// try await handled.wait { $0.count == 3 }
/// ```
public final class Observed<Value: Sendable>: Sendable {
    private struct Waiter {
        let condition: @Sendable (Value) -> Bool
        let continuation: CheckedContinuation<Void, any Error>
    }

    private struct State {
        var value: Value
        var nextWaiter = 0
        var waiters: [Int: Waiter] = [:]
    }

    private let state: Mutex<State>

    /// Starts with a value.
    public init(_ value: Value) {
        state = Mutex(State(value: value))
    }

    /// The value now.
    public var value: Value { state.withLock(\.value) }

    /// Changes the value and wakes whoever waited for what it has become.
    @discardableResult
    public func update<Result: Sendable>(_ body: (inout Value) throws -> Result) rethrows -> Result {
        let (result, met) = try state.withLock { state in
            let result = try body(&state.value)
            let met = state.waiters.filter { $0.value.condition(state.value) }
            for id in met.keys { state.waiters[id] = nil }
            return (result, met.values.map(\.continuation))
        }
        for continuation in met { continuation.resume() }
        return result
    }

    /// Returns when the condition holds.
    /// - Throws: ``WaitedTooLong`` after `deadline` of real time, or `CancellationError`.
    public func wait(
        within deadline: Duration = .seconds(10), until condition: @escaping @Sendable (Value) -> Bool
    ) async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await self.wait(until: condition) }
            group.addTask {
                try await Task.sleep(for: deadline)
                throw WaitedTooLong(deadline: deadline, value: String(describing: self.value))
            }
            defer { group.cancelAll() }
            try await group.next()
        }
    }

    private func wait(until condition: @escaping @Sendable (Value) -> Bool) async throws {
        let id = state.withLock { state in
            state.nextWaiter += 1
            return state.nextWaiter
        }
        try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { (continuation: CheckedContinuation<Void, any Error>) in
                let result: Swift.Result<Void, any Error>? = state.withLock { state in
                    if condition(state.value) { return .success(()) }
                    if Task.isCancelled { return .failure(CancellationError()) }
                    state.waiters[id] = Waiter(condition: condition, continuation: continuation)
                    return nil
                }
                if let result { continuation.resume(with: result) }
            }
        } onCancel: {
            let waiter = state.withLock { $0.waiters.removeValue(forKey: id) }
            waiter?.continuation.resume(throwing: CancellationError())
        }
    }
}

/// A condition did not come true in time.
public struct WaitedTooLong: Error, CustomStringConvertible {
    /// How long it was waited for.
    public let deadline: Duration
    /// What the value was then.
    public let value: String

    /// Both.
    public var description: String { "not within \(deadline); it is \(value.prefix(2_000))" }
}
