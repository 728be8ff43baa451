// What a task waits with for one message or confirm. The check that it is resumed once costs an allocation for each, so
// debug builds do it, in which all tests run, and release builds do not.
#if DEBUG
    typealias MessageContinuation = ValueContinuation

    func withMessageContinuation<Value: Sendable>(
        isolation: isolated (any Actor)? = #isolation, _ body: (MessageContinuation<Value>) -> Void
    ) async -> Value {
        await withValueContinuation(isolation: isolation, body)
    }
#else
    typealias MessageContinuation<Value> = UnsafeContinuation<Value, Never>

    @inline(__always) func withMessageContinuation<Value: Sendable>(
        isolation: isolated (any Actor)? = #isolation, _ body: (MessageContinuation<Value>) -> Void
    ) async -> Value {
        await withUnsafeContinuation(isolation: isolation, body)
    }
#endif
