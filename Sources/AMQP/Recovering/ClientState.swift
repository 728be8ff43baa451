import NIOCore

/// What a client knows, under its one lock: the connection and who waits for it.
///
///     connecting ──connected──► connected ──lost──► connecting ──► …
///          └──────── shutdown ─────┴──► closed
struct ClientState: Sendable {
    enum Phase: Sendable {
        case connecting(AMQPError?)
        case connected(AMQPConnection)
        case closed
    }

    struct Waiting: Sendable {
        var id: UInt64
        var continuation: ValueContinuation<Result<AMQPConnection, AMQPError>>
    }

    var phase = Phase.connecting(nil)
    /// How often it was connected, and for how long earlier connections were blocked.
    var history = (connects: 0, blockedTime: Duration.zero)
    var isRunning = false
    var isShuttingDown = false
    /// Whether the orderly end has come to the connection: what was published is confirmed, or its time is over.
    var isDrained = false
    var actions: [(name: String, action: @Sendable (AMQPConnection) async throws -> Void)] = []
    /// Publishers beside the client's own, each with a channel of its own.
    var publishers: [RecoveringPublisher] = []
    /// Where a publisher that is made while connected is announced.
    var announcements: AsyncStream<RecoveringPublisher>.Continuation?
    private var waiting: [Waiting] = []
    private var closing: [(id: UInt64, continuation: CheckedContinuation<Void, Never>)] = []

    static let closedError = AMQPError(.closed, "the client was shut down")

    /// The connection, or the error that there will be none, or neither yet: one that has just ended is none, though
    /// the client has not turned to the next.
    var connection: Result<AMQPConnection, AMQPError>? {
        switch phase {
        case .connected(let connection): connection.isOpen ? .success(connection) : nil
        case .closed: .failure(Self.closedError)
        case .connecting: nil
        }
    }

    /// The same for a subscription, which in an orderly end waits for the end.
    ///
    /// None begins on a connection that is about to be closed: what it brought would come again, counted.
    var connectionToConsume: Result<AMQPConnection, AMQPError>? {
        if case .closed = phase { return connection }
        return isShuttingDown ? nil : connection
    }

    mutating func wait(_ waiter: Waiting) {
        waiting.append(waiter)
    }

    mutating func removeWaiter(_ id: UInt64) -> Waiting? {
        waiting.firstIndex { $0.id == id }.map { waiting.remove(at: $0) }
    }

    /// Whoever is to be resumed after a change, and with what.
    struct Resumption {
        var waiting: [Waiting]
        var with: Result<AMQPConnection, AMQPError>
        var closing: [CheckedContinuation<Void, Never>]
    }

    /// Changes the phase; a closed client stays closed.
    mutating func enter(_ phase: Phase) -> Resumption? {
        if case .closed = self.phase { return nil }
        if case .connected(let connection) = self.phase { history.blockedTime += connection.blockedTime }
        if case .connected = phase { history.connects += 1 }
        self.phase = phase
        guard let connection else { return nil }
        defer { waiting = [] }
        var resumption = Resumption(waiting: waiting, with: connection, closing: [])
        if case .closed = phase {
            resumption.closing = closing.map(\.continuation)
            closing = []
        }
        return resumption
    }

    /// Waits for the end; true if it is there.
    mutating func waitUntilClosed(_ id: UInt64, _ continuation: CheckedContinuation<Void, Never>) -> Bool {
        if case .closed = phase { return true }
        closing.append((id, continuation))
        return false
    }

    /// Waits no longer.
    mutating func cancelWaitUntilClosed(_ id: UInt64) -> CheckedContinuation<Void, Never>? {
        closing.firstIndex { $0.id == id }.map { closing.remove(at: $0).continuation }
    }
}
