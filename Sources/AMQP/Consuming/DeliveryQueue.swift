import NIOConcurrencyHelpers
import NIOCore

/// The deliveries of one consumer between the event loop and the tasks that take them.
///
/// Batches come in as they were read, and go out whole or one by one. The broker's prefetch bounds what it holds.
final class DeliveryQueue: Sendable {
    private struct State {
        var batches = CircularBuffer<ArraySlice<ReceivedMessage>>()
        var waiting = CircularBuffer<Waiting>()
        var end: End?
    }

    private struct Waiting {
        var id: UInt64
        /// How many it takes at most.
        var limit: Int
        var continuation: MessageContinuation<Next>
    }

    private enum End: Sendable {
        case finished
        case failed(AMQPError)
    }

    private enum Next: Sendable {
        case message(ReceivedMessage)
        case batch(ArraySlice<ReceivedMessage>)
        case end(AMQPError?)
    }

    private let state = NIOLockedValueBox(State())

    /// Takes a batch from the event loop.
    func push(_ batch: [ReceivedMessage]) {
        let resumptions = state.withLockedValue { state -> [(MessageContinuation<Next>, Next)] in
            guard state.end == nil, !batch.isEmpty else { return [] }
            state.batches.append(batch[...])
            var resumptions: [(MessageContinuation<Next>, Next)] = []
            while let waiting = state.waiting.first, let next = Self.take(&state, upTo: waiting.limit) {
                resumptions.append((waiting.continuation, next))
                state.waiting.removeFirst()
            }
            return resumptions
        }
        for (continuation, next) in resumptions { continuation.resume(returning: next) }
    }

    /// Ends the stream: after what is buffered if the consumer was cancelled, at once if its channel is gone.
    func finish(_ error: AMQPError?) {
        let waiting = state.withLockedValue { state in
            guard state.end == nil else { return CircularBuffer<MessageContinuation<Next>>() }
            state.end = error.map(End.failed) ?? .finished
            let isDrained = error == nil || error?.code == .consumerCancelled
            if !isDrained { state.batches.removeAll() }
            defer { state.waiting.removeAll() }
            return CircularBuffer(state.waiting.map(\.continuation))
        }
        for continuation in waiting { continuation.resume(returning: .end(error)) }
    }

    /// The next message.
    func next() async throws(AMQPError) -> ReceivedMessage? {
        switch await take(upTo: 1) {
        case .message(let message): return message
        case .batch(let batch): return batch.first
        case .end(nil): return nil
        case .end(let error?): throw error
        }
    }

    /// The next message and what has arrived behind it, at most `limit` in all.
    func next(upTo limit: Int) async throws(AMQPError) -> ArraySlice<ReceivedMessage>? {
        switch await take(upTo: limit) {
        case .message(let message): return [message]
        case .batch(let batch): return batch
        case .end(nil): return nil
        case .end(let error?): throw error
        }
    }

    private func take(upTo limit: Int) async -> Next {
        if let next = state.withLockedValue({ Self.take(&$0, upTo: limit) }) { return next }
        let id = WaiterID.next()
        return await withTaskCancellationHandler {
            await withMessageContinuation { continuation in
                let next: Next? = state.withLockedValue { state in
                    if let next = Self.take(&state, upTo: limit) { return next }
                    if Task.isCancelled { return .end(Self.cancelled) }
                    state.waiting.append(Waiting(id: id, limit: limit, continuation: continuation))
                    return nil
                }
                if let next { continuation.resume(returning: next) }
            }
        } onCancel: {
            let continuation = state.withLockedValue { state -> MessageContinuation<Next>? in
                guard let index = state.waiting.firstIndex(where: { $0.id == id }) else { return nil }
                return state.waiting.remove(at: index).continuation
            }
            continuation?.resume(returning: .end(Self.cancelled))
        }
    }

    /// Whether nothing more comes.
    var isFinished: Bool { state.withLockedValue { $0.end != nil } }

    /// How many tasks wait for a delivery.
    var waitingCount: Int { state.withLockedValue { $0.waiting.count } }

    private static let cancelled = AMQPError(.cancelled, "the task that waited for a delivery was cancelled")

    private static func take(_ state: inout State, upTo limit: Int) -> Next? {
        guard !state.batches.isEmpty else {
            switch state.end {
            case .finished: return .end(nil)
            case .failed(let error): return .end(error)
            case nil: return nil
            }
        }
        if limit == 1 {
            let first = state.batches.startIndex
            guard let message = state.batches[first].popFirst() else { return nil }
            if state.batches[first].isEmpty { state.batches.removeFirst() }
            return .message(message)
        }
        return .batch(takeBatch(&state, upTo: limit))
    }

    /// A part of what came first, or several small batches together.
    private static func takeBatch(_ state: inout State, upTo limit: Int) -> ArraySlice<ReceivedMessage> {
        var batch = state.batches.removeFirst()
        if batch.count > limit {
            state.batches.prepend(batch.dropFirst(limit))
            return batch.prefix(limit)
        }
        while let next = state.batches.first, batch.count + next.count <= limit {
            batch += next
            state.batches.removeFirst()
        }
        return batch
    }
}
