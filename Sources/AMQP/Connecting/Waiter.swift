/// Whoever waits for an outcome; resumed exactly once, never with a lock held.
enum Waiter<Value: Sendable>: Sendable {
    case task(ValueContinuation<Value>)
    /// A task, once for each message.
    case message(MessageContinuation<Value>)
    case closure(@Sendable (Value) -> Void)

    func resume(_ value: sending Value) {
        switch self {
        case .task(let continuation): continuation.resume(returning: value)
        case .message(let continuation): continuation.resume(returning: value)
        case .closure(let closure): closure(value)
        }
    }
}
