import Synchronization

/// Lets nothing use a database that is closed.
///
/// GRDB ends the process when a closed connection is used, and a request that is still under way when the service stops
/// would do just that. So each use passes here, and closing waits for those inside.
final class StoreGate: Sendable {
    private struct State {
        var inside = 0
        var isClosed = false
        var closer: CheckedContinuation<Void, Never>?
    }

    private let state = Mutex(State())

    /// Uses the database, or throws when it is closed.
    func pass<T>(_ body: () async throws -> T) async throws -> T {
        try state.withLock { state in
            guard !state.isClosed else { throw StoreError(message: "the database is closed", isTemporary: true) }
            state.inside += 1
        }
        defer { leave() }
        return try await body()
    }

    /// Lets nobody in any more and waits until the last one has left; false when it was closed before.
    func close() async -> Bool {
        let isFirst = state.withLock { state in
            defer { state.isClosed = true }
            return !state.isClosed
        }
        guard isFirst else { return false }
        await withCheckedContinuation { continuation in
            let isEmpty = state.withLock { state in
                guard state.inside > 0 else { return true }
                state.closer = continuation
                return false
            }
            if isEmpty { continuation.resume() }
        }
        return true
    }

    private func leave() {
        let closer = state.withLock { state -> CheckedContinuation<Void, Never>? in
            state.inside -= 1
            guard state.inside == 0 else { return nil }
            defer { state.closer = nil }
            return state.closer
        }
        closer?.resume()
    }
}
