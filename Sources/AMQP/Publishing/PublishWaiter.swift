/// Whoever waits for a publish: a task, one place of a batch, or a listener.
struct PublishWaiter: Sendable {
    enum Target: Sendable {
        case task(MessageContinuation<AMQPError?>)
        case batch(PublishBatch, index: Int)
        case listener(any PublishListener)
    }

    /// Identifies the publish, or the batch, for its cancellation.
    var id: UInt64
    var target: Target

    /// Whether no message of the same call was sent before.
    var isFirstOfItsCall: Bool {
        if case .batch(_, let index) = target { index == 0 } else { true }
    }
}

/// Hears how publishes ended; of those that ended together in one call, so that its lock is taken once for them.
protocol PublishListener: AnyObject, Sendable {
    /// Called without a lock held, on any thread; each publish is in one call.
    func ended(_ publishes: [EndedPublish])
}

/// How a publish ended; without an error it is confirmed.
struct EndedPublish: Sendable {
    var id: UInt64
    var error: AMQPError?
}

/// The outcomes of messages published together; its task is resumed when the last is known.
///
/// Sendable without a lock of its own: after `init` it is touched only through ``resolve(_:_:)``, and that only while
/// the lock of the one connection that carries the batch is held.
final class PublishBatch: @unchecked Sendable {
    private var failures: [Int: AMQPError] = [:]
    private var open: Int
    private let count: Int
    private let continuation: MessageContinuation<[Result<Void, AMQPError>]>

    init(count: Int, continuation: MessageContinuation<[Result<Void, AMQPError>]>) {
        self.count = count
        self.continuation = continuation
        open = count
    }

    /// Notes the outcome of one message; returns what to resume the task with when it was the last.
    func resolve(
        _ index: Int, _ error: AMQPError?
    ) -> (MessageContinuation<[Result<Void, AMQPError>]>, [Result<Void, AMQPError>])? {
        if let error { failures[index] = error }
        open -= 1
        guard open == 0 else { return nil }
        var results = [Result<Void, AMQPError>](repeating: .success(()), count: count)
        for (index, error) in failures { results[index] = .failure(error) }
        return (continuation, results)
    }
}
