public import Harebell
import Synchronization

/// What an endpoint hands to its worker: put in by many tasks, taken out by one.
///
/// What is put in together comes out together: the worker's task is woken once for it, and takes the lock once. Iterated by
/// one task at a time; ends when the endpoint has stopped and everything is out, or when that task is cancelled.
public struct RabbitMQDeliveries: AsyncSequence, Sendable {
    /// A delivery.
    public typealias Element = TransportDelivery
    /// It never fails.
    public typealias Failure = Never

    private let buffer = DeliveryBuffer()

    /// Takes deliveries one by one.
    public struct AsyncIterator: AsyncIteratorProtocol {
        private let buffer: DeliveryBuffer
        /// The last one first.
        private var taken: [TransportDelivery] = []

        init(_ buffer: DeliveryBuffer) {
            self.buffer = buffer
        }

        /// The next delivery.
        public mutating func next() async -> TransportDelivery? {
            if taken.isEmpty { taken = await buffer.take().reversed() }
            return taken.popLast()
        }

        /// The next delivery.
        public mutating func next(isolation actor: isolated (any Actor)?) async -> TransportDelivery? {
            if taken.isEmpty { taken = await buffer.take().reversed() }
            return taken.popLast()
        }
    }

    /// Makes an iterator.
    public func makeAsyncIterator() -> AsyncIterator { AsyncIterator(buffer) }

    /// Hands on what has arrived together.
    func put(_ deliveries: [TransportDelivery]) { buffer.change { $0.waiting += deliveries } }

    /// Nothing is put in any more.
    func finish() { buffer.change { $0.isFinished = true } }
}

/// Deliveries between the tasks that put them in and the one that takes them out.
final class DeliveryBuffer: Sendable {
    struct State {
        var waiting: [TransportDelivery] = []
        var isFinished = false
        fileprivate var taker: CheckedContinuation<[TransportDelivery], Never>?

        /// What there is; empty at the end; `nil` when that has to be waited for.
        fileprivate mutating func takeNow() -> [TransportDelivery]? {
            guard !waiting.isEmpty || isFinished else { return nil }
            defer { waiting = [] }
            return waiting
        }
    }

    private let state = Mutex(State())

    /// Makes a change, and resumes who waits for it.
    func change(_ body: (inout State) -> Void) {
        let answer: (CheckedContinuation<[TransportDelivery], Never>, [TransportDelivery])? = state.withLock { state in
            body(&state)
            guard let taker = state.taker, let taken = state.takeNow() else { return nil }
            state.taker = nil
            return (taker, taken)
        }
        if let (taker, taken) = answer { taker.resume(returning: taken) }
    }

    /// Waits for deliveries; empty at the end, or when the task is cancelled.
    func take() async -> [TransportDelivery] {
        if let taken = state.withLock({ $0.takeNow() }) { return taken }
        return await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let taken: [TransportDelivery]? = state.withLock { state in
                    if let taken = state.takeNow() { return taken }
                    if Task.isCancelled { return [] }
                    state.taker = continuation
                    return nil
                }
                if let taken { continuation.resume(returning: taken) }
            }
        } onCancel: {
            let taker = state.withLock { state in
                defer { state.taker = nil }
                return state.taker
            }
            taker?.resume(returning: [])
        }
    }
}
