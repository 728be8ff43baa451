import Logging
import NIOCore

/// What a state machine wants done outside of the connection's lock.
enum Effect: Sendable {
    case reply(Waiter<Result<Reply, AMQPError>>, Result<Reply, AMQPError>)
    case published(MessageContinuation<AMQPError?>, AMQPError?)
    case batchPublished(MessageContinuation<[Result<Void, AMQPError>]>, [Result<Void, AMQPError>])
    case publishesEnded(any PublishListener, [EndedPublish])
    case closed(Waiter<AMQPError?>, AMQPError?)
    case opened(Waiter<Result<Void, AMQPError>>, Result<Void, AMQPError>)
    case deliver(DeliveryQueue, [ReceivedMessage])
    case finish(DeliveryQueue, AMQPError?)
    case log(Logger.Level, String)
}

/// What the state machines of a connection produce: bytes to send, and effects in order.
struct Output: Sendable {
    var frames = FrameWriter()
    var effects: [Effect] = []
    /// Where the bodies of large deliveries get their memory.
    let spareBodies = SpareBodies()

    /// How many bytes of ``send(_:channel:)`` are in the batch; it grows only while the peer reads nothing.
    private(set) var unsentAnswers = 0

    mutating func takeBytes() -> [FramePart] {
        unsentAnswers = 0
        return frames.take()
    }

    mutating func takeEffects() -> [Effect] {
        guard !effects.isEmpty else { return [] }
        defer { effects = [] }
        return effects
    }

    /// Tells whoever waits for a publish.
    mutating func complete(_ waiter: PublishWaiter, _ error: AMQPError?) {
        switch waiter.target {
        case .task(let continuation): effects.append(.published(continuation, error))
        case .listener(let listener): tell(listener, EndedPublish(id: waiter.id, error: error))
        case .batch(let batch, let index):
            if let (continuation, results) = batch.resolve(index, error) {
                effects.append(.batchPublished(continuation, results))
            }
        }
    }

    /// Adds to what the listener is told last, so that it is told of many confirms at once.
    private mutating func tell(_ listener: any PublishListener, _ publish: EndedPublish) {
        guard case .publishesEnded(let last, var publishes)? = effects.last, last === listener else {
            return effects.append(.publishesEnded(listener, [publish]))
        }
        // Taken out, so that the list has one owner and grows in place.
        effects.removeLast()
        publishes.append(publish)
        effects.append(.publishesEnded(listener, publishes))
    }

    /// Writes a method whose arguments are known to fit.
    mutating func send(_ method: OutboundMethod, channel: UInt16) {
        let before = frames.byteCount
        // The answer to the peer's close, when it crosses ours, is all that may follow (AMQP 0-9-1 §1.4.2.2).
        if case .connectionCloseOK = method { frames.isSealed = false }
        do {
            try frames.write(method, channel: channel)
            frames.isSealed = frames.isSealed || method.isGoodbye
            unsentAnswers += frames.byteCount - before
        } catch {
            effects.append(.log(.error, "a method could not be encoded: \(error)"))
        }
    }
}

extension Effect {
    /// Does what is wanted, except for logging.
    func run() {
        switch self {
        case .reply(let waiter, let result): waiter.resume(result)
        case .published(let continuation, let error): continuation.resume(returning: error)
        case .batchPublished(let continuation, let results): continuation.resume(returning: results)
        case .publishesEnded(let listener, let publishes): listener.ended(publishes)
        case .closed(let waiter, let error): waiter.resume(error)
        case .opened(let waiter, let result): waiter.resume(result)
        case .deliver(let queue, let messages): queue.push(messages)
        case .finish(let queue, let error): queue.finish(error)
        case .log: break
        }
    }
}

extension OutboundMethod {
    fileprivate var isGoodbye: Bool {
        switch self {
        case .connectionClose, .connectionCloseOK: true
        default: false
        }
    }
}
