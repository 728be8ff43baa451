import Synchronization

/// The events that a running handler wants published, kept until it has returned.
final class HeldBackEvents: Sendable {
    private struct State {
        var envelopes: [Envelope] = []
        var isClosed = false
    }

    private let state = Mutex(State())

    /// Adds one event; the closure makes it for its index.
    func append(_ make: (Int) throws -> Envelope) throws {
        try state.withLock { state in
            guard !state.isClosed else {
                throw HarebellError(.contextClosed, "the handler has ended; its context publishes nothing any more")
            }
            state.envelopes.append(try make(state.envelopes.count))
        }
    }

    /// Takes what there is; whatever comes later is refused.
    func close() -> [Envelope] {
        state.withLock { state in
            state.isClosed = true
            defer { state.envelopes = [] }
            return state.envelopes
        }
    }
}
