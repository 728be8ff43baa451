import NIOConcurrencyHelpers

/// A checked continuation whose value goes to its task by a lock.
///
/// That the task sees what was written before it was resumed is the runtime's promise, with or without the lock. But
/// when a continuation is resumed before its task waits, the runtime keeps it by means that the thread sanitizer does
/// not see: it reports a race for every value with memory behind it (Swift 6.3; fifteen lines with a thread and an
/// array show it). With the lock there is nothing to suppress, and real races are told from these.
struct ValueContinuation<Value: Sendable>: Sendable {
    fileprivate let continuation: CheckedContinuation<Void, Never>
    fileprivate let value: NIOLockedValueBox<Value?>

    /// Has the task continue with `value`; to be called once.
    func resume(returning value: Value) {
        self.value.withLockedValue { $0 = value }
        continuation.resume()
    }
}

/// Suspends the task until the continuation is resumed.
func withValueContinuation<Value: Sendable>(
    isolation: isolated (any Actor)? = #isolation, _ body: (ValueContinuation<Value>) -> Void
) async -> Value {
    let value = NIOLockedValueBox<Value?>(nil)
    await withCheckedContinuation(isolation: isolation) { body(ValueContinuation(continuation: $0, value: value)) }
    guard let value = value.withLockedValue({ $0 }) else {
        preconditionFailure("a continuation is resumed only with a value")
    }
    return value
}
