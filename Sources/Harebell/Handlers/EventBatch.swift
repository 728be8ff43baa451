import Synchronization

/// Events that are handled together, in the order in which they arrived: at least one.
public struct EventBatch<Message: Event>: Sendable {
    /// One event of a batch, and the way to say what came of it.
    public struct Item: Sendable {
        /// The event.
        public let event: Message
        /// What is known about it, and the way to publish what follows from it.
        public let context: HandlerContext
        let settlement: ItemSettlement

        /// Says that this event is done, whatever becomes of the others: it is acknowledged even if the handler throws.
        ///
        /// What was said last counts; after the handler has ended nothing does.
        public func succeed() { settlement.settle(.success(())) }

        /// Says that this event is not done, and why; the error decides what follows (see ``FailureClassifying``).
        ///
        /// What was published through its ``context`` does not go out. What was said last counts; after the handler has
        /// ended nothing does.
        public func fail(_ error: any Error) { settlement.settle(.failure(error)) }
    }

    let items: [Item]

    /// The events alone.
    public var events: [Message] { items.map(\.event) }
}

extension EventBatch: RandomAccessCollection {
    /// The first item's index: 0.
    public var startIndex: Int { items.startIndex }
    /// How many items there are.
    public var endIndex: Int { items.endIndex }
    /// An item.
    public subscript(index: Int) -> Item { items[index] }
}

/// What a handler has said of one event while it ran.
final class ItemSettlement: Sendable {
    private struct State {
        var result: Result<Void, any Error>?
        var isClosed = false
    }

    private let state = Mutex(State())

    func settle(_ result: Result<Void, any Error>) {
        state.withLock { state in
            if !state.isClosed { state.result = result }
        }
    }

    /// Takes what was said; whatever comes later is ignored.
    func close() -> Result<Void, any Error>? {
        state.withLock { state in
            state.isClosed = true
            return state.result
        }
    }
}
