import NIOConcurrencyHelpers
import NIOCore

/// The deliveries of one consumer between the event loop and the tasks that take them.
///
/// Batches come in, single messages go out. The broker's prefetch bounds what it holds.
final class DeliveryQueue: Sendable {
    private struct State {
        var messages = CircularBuffer<ReceivedMessage>()
        var waiting = CircularBuffer<(id: UInt64, continuation: CheckedContinuation<Next, Never>)>()
        var end: End?
    }

    private enum End: Sendable {
        case finished
        case failed(AMQPError)
    }

    private enum Next: Sendable {
        case message(ReceivedMessage)
        case end(AMQPError?)
    }

    private let state = NIOLockedValueBox(State())

    /// Takes a batch from the event loop.
    func push(_ batch: [ReceivedMessage]) {
        typealias Resumption = (CheckedContinuation<Next, Never>, ReceivedMessage)
        let resumptions = state.withLockedValue { state -> [Resumption] in
            guard state.end == nil else { return [] }
            state.messages.append(contentsOf: batch)
            var resumptions: [Resumption] = []
            while !state.waiting.isEmpty, let message = state.messages.popFirst() {
                resumptions.append((state.waiting.removeFirst().continuation, message))
            }
            return resumptions
        }
        for (continuation, message) in resumptions { continuation.resume(returning: .message(message)) }
    }

    /// Ends the stream: after what is buffered if the consumer was cancelled, at once if its channel is gone.
    func finish(_ error: AMQPError?) {
        let waiting = state.withLockedValue { state in
            guard state.end == nil else { return CircularBuffer<CheckedContinuation<Next, Never>>() }
            state.end = error.map(End.failed) ?? .finished
            let isDrained = error == nil || error?.code == .consumerCancelled
            if !isDrained { state.messages.removeAll() }
            defer { state.waiting.removeAll() }
            return CircularBuffer(state.waiting.map(\.continuation))
        }
        for continuation in waiting { continuation.resume(returning: .end(error)) }
    }

    func next() async throws(AMQPError) -> ReceivedMessage? {
        if let next = state.withLockedValue(Self.take) { return try Self.unwrap(next) }
        let id = WaiterID.next()
        let next = await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let next: Next? = state.withLockedValue { state in
                    if let next = Self.take(&state) { return next }
                    if Task.isCancelled { return .end(Self.cancelled) }
                    state.waiting.append((id, continuation))
                    return nil
                }
                if let next { continuation.resume(returning: next) }
            }
        } onCancel: {
            let continuation = state.withLockedValue { state -> CheckedContinuation<Next, Never>? in
                guard let index = state.waiting.firstIndex(where: { $0.id == id }) else { return nil }
                return state.waiting.remove(at: index).continuation
            }
            continuation?.resume(returning: .end(Self.cancelled))
        }
        return try Self.unwrap(next)
    }

    /// The next message and what has arrived behind it, at most `limit` in all.
    func next(upTo limit: Int) async throws(AMQPError) -> [ReceivedMessage]? {
        guard let first = try await next() else { return nil }
        return state.withLockedValue { state in
            var batch = [first]
            let count = min(limit - 1, state.messages.count)
            guard count > 0 else { return batch }
            batch.reserveCapacity(count + 1)
            batch.append(contentsOf: state.messages.prefix(count))
            state.messages.removeFirst(count)
            return batch
        }
    }

    private static let cancelled = AMQPError(.cancelled, "the task that waited for a delivery was cancelled")

    private static func take(_ state: inout State) -> Next? {
        if let message = state.messages.popFirst() { return .message(message) }
        switch state.end {
        case .finished: return .end(nil)
        case .failed(let error): return .end(error)
        case nil: return nil
        }
    }

    private static func unwrap(_ next: Next) throws(AMQPError) -> ReceivedMessage? {
        switch next {
        case .message(let message): return message
        case .end(nil): return nil
        case .end(let error?): throw error
        }
    }
}
