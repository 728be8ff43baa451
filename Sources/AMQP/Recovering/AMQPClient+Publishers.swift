import NIOConcurrencyHelpers

extension AMQPClient {
    /// Makes a publisher with a channel of its own, which lives as long as the client or until it is closed.
    public func makePublisher() -> AMQPPublisher {
        let publisher = RecoveringPublisher(recovery: recovery, logger: logger)
        let announcements = box.withLockedValue { state in
            if case .closed = state.phase { publisher.close() } else { state.publishers.append(publisher) }
            return state.announcements
        }
        announcements?.yield(publisher)
        return AMQPPublisher(publisher, client: self)
    }

    func forget(_ publisher: RecoveringPublisher) {
        box.withLockedValue { state in state.publishers.removeAll { $0 === publisher } }
    }

    /// Runs every publisher on a connection, those made meanwhile too, until cancelled.
    func runPublishers(on connection: AMQPConnection) async {
        let (made, announcements) = AsyncStream.makeStream(of: RecoveringPublisher.self)
        let known = box.withLockedValue { state in
            state.announcements = announcements
            return allPublishers(state)
        }
        for publisher in known { announcements.yield(publisher) }
        await withDiscardingTaskGroup { group in
            for await publisher in made { group.addTask { await publisher.run(on: connection) } }
        }
    }

    func drainPublishers(atMost limit: Duration) async {
        let publishers = box.withLockedValue { allPublishers($0) }
        await withDiscardingTaskGroup { group in
            for publisher in publishers { group.addTask { await publisher.drain(atMost: limit) } }
        }
    }

    func closePublishers() {
        for publisher in box.withLockedValue({ allPublishers($0) }) { publisher.close() }
    }

    /// The client's own and the others, in a list of its own: one that shared its memory with the state's beyond the
    /// lock would look like a race to the thread sanitizer, which does not see how Swift counts owners.
    private func allPublishers(_ state: ClientState) -> [RecoveringPublisher] {
        [publisher] + state.publishers
    }

    /// Waits for the connection and lends it.
    ///
    /// - Parameters:
    ///   - timeout: How long to wait for it; as long as it takes unless given.
    ///   - body: What to do with it.
    /// - Throws: `AMQPError`: `.timedOut` with the last error beneath it, `.closed`, `.cancelled`; and what `body` throws.
    public func withConnection<R: Sendable>(
        timeout: Duration? = nil, _ body: (AMQPConnection) async throws -> R
    ) async throws -> R {
        try await body(try await connection(timeout: timeout))
    }

    /// Begins the orderly end; ``run()`` returns when it is reached.
    public func beginShutdown() {
        box.withLockedValue { $0.isShuttingDown = true }
        stop.ring()
    }
}
