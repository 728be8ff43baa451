public import Logging
import NIOConcurrencyHelpers
import NIOCore
import NIOPosix

/// A connection that lives on: it connects again after every loss, repeats what has to be repeated, and publishes again
/// what was not confirmed.
///
///     let client = AMQPClient(configuration: try AMQPConfiguration(uri: "amqp://localhost"), logger: logger)
///     client.onConnect("topology") { connection in … }
///     try await withThrowingTaskGroup(of: Void.self) { group in
///         group.addTask { try await client.run() }
///         try await client.publish(message)
///     }
public final class AMQPClient: Sendable {
    private let configuration: AMQPConfiguration
    let recovery: RecoveryPolicy
    let logger: Logger
    let box = NIOLockedValueBox(ClientState())
    let stop = Alarm()
    let publisher: RecoveringPublisher
    /// Where all its connections are, one after the other.
    private let eventLoop = ConnectAttempt.anyEventLoop()

    /// Runs tasks on the thread of the client's connections, the same for each of them; see
    /// ``AMQPConnection/taskExecutor``.
    public let taskExecutor: any TaskExecutor

    /// Makes a client; nothing happens until ``run()``.
    public init(configuration: AMQPConfiguration, recovery: RecoveryPolicy = .default, logger: Logger) {
        self.configuration = configuration
        self.recovery = recovery
        self.logger = logger
        publisher = RecoveringPublisher(recovery: recovery, logger: logger)
        taskExecutor = EventLoopTaskExecutor.of(eventLoop)
    }

    // MARK: Running

    /// Keeps the client connected until the task is cancelled or ``shutdown()`` is called; returns then.
    ///
    /// A refused login is tried again too, slowly: passwords are rotated. ``state`` tells about it.
    /// - Throws: `.invalidArgument` when called a second time.
    public func run() async throws(AMQPError) {
        let isFirst = box.withLockedValue { state in
            defer { state.isRunning = true }
            return !state.isRunning
        }
        guard isFirst else { throw AMQPError(.invalidArgument, "the client runs already, or has run") }
        await withTaskGroup(of: Void.self) { group in
            group.addTask { await self.connectAgainAndAgain() }
            group.addTask {
                await self.stop.wait()
                await self.sayGoodbye()
            }
            await group.next()
            group.cancelAll()
        }
        closePublishers()
        enter(.closed)
    }

    private func connectAgainAndAgain() async {
        var rotation = HostRotation(configuration.hosts)
        var failures = 0
        while !isStopped {
            do throws(AMQPError) {
                let connection = try await AMQPConnection.connect(
                    configuration, hosts: rotation.hosts, on: eventLoop, logger: logger)
                do throws(AMQPError) {
                    try await prepare(connection)
                } catch {
                    // It takes logins and no more: others may do better.
                    rotation.failed(connection.host)
                    throw error
                }
                failures = 0
                logger.info("connected to the broker", metadata: ["broker_host": "\(connection.host)"])
                let error = await serve(connection)
                guard !isStopped else { return await connection.close() }
                rotation.failed(connection.host)
                logger.warning("lost the broker", metadata: ["error": "\(error.map(\.description) ?? "-")"])
                enter(.connecting(error))
            } catch {
                guard !isStopped else { return }
                logger.warning("cannot reach the broker", metadata: ["error": "\(error)"])
                // Hosts are meant to share their users, but one may be wrong: the others come first.
                let refuser = rotation.hosts.first { error.code == .authenticationRefused && isAbout($0, error) }
                if let refuser { rotation.failed(refuser) }
                enter(.connecting(error))
            }
            failures += 1
            let isRefused = lastError?.code == .authenticationRefused
            let delay = recovery.delay(afterFailures: failures, isRefused: isRefused, random: .random(in: 0..<1))
            try? await Task.sleep(for: delay)
        }
    }

    private func isAbout(_ host: AMQPConfiguration.Host, _ error: AMQPError) -> Bool {
        error.host == "\(AMQPConfiguration.Host(name: host.name, port: configuration.port(of: host)))"
    }

    /// Whether no connection is wanted any more; while what was published is still to be confirmed, one is.
    private var isStopped: Bool {
        Task.isCancelled || box.withLockedValue { $0.isDrained }
    }

    private var lastError: AMQPError? {
        if case .connecting(let error) = state { error } else { nil }
    }

    /// Does what is to be done at each connect; a failure ends the attempt, and the connection with it.
    private func prepare(_ connection: AMQPConnection) async throws(AMQPError) {
        let actions = box.withLockedValue { $0.actions }
        for (name, action) in actions {
            do {
                try await action(connection)
            } catch {
                await connection.close()
                throw (error as? AMQPError)
                    ?? AMQPError(.connectionFailed, "the action \(name) failed", underlying: error)
            }
        }
    }

    /// Stays with a connection until it ends, or the client does.
    private func serve(_ connection: AMQPConnection) async -> AMQPError? {
        enter(.connected(connection))
        return await withTaskGroup(of: Void.self, returning: AMQPError?.self) { group in
            group.addTask { await self.runPublishers(on: connection) }
            let error = await connection.waitUntilClosed()
            group.cancelAll()
            return error
        }
    }

    /// Told to stop, or cancelled: the first leaves time for what is still to be confirmed.
    private func sayGoodbye() async {
        if !Task.isCancelled { await drainPublishers(atMost: .seconds(5)) }
        let connection = box.withLockedValue { state in
            state.isDrained = true
            return state.connection
        }
        if case .success(let connection) = connection { await connection.close() }
    }

    /// Publishes what is still to be confirmed, as far as 5 s allow, closes the connection and ends ``run()``.
    ///
    /// A task that is cancelled does not wait for the end, which comes all the same.
    public func shutdown() async {
        let isRunning = box.withLockedValue { state in
            state.isShuttingDown = true
            return state.isRunning
        }
        stop.ring()
        if !isRunning {
            closePublishers()
            enter(.closed)
        }
        let id = WaiterID.next()
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let isDone = box.withLockedValue { Task.isCancelled || $0.waitUntilClosed(id, continuation) }
                if isDone { continuation.resume() }
            }
        } onCancel: {
            box.withLockedValue { $0.cancelWaitUntilClosed(id) }?.resume()
        }
    }

    private func enter(_ phase: ClientState.Phase) {
        let resumption = box.withLockedValue { $0.enter(phase) }
        guard let resumption else { return }
        for waiter in resumption.waiting { waiter.continuation.resume(returning: resumption.with) }
        for continuation in resumption.closing { continuation.resume() }
    }

    // MARK: State

    var isClosed: Bool {
        if case .closed = state { true } else { false }
    }

    /// Where the client stands.
    public var state: ConnectionState {
        switch box.withLockedValue({ $0.phase }) {
        case .connecting(let error): .connecting(lastError: error)
        case .connected(let connection): connection.isBlocked ? .blocked : .connected
        case .closed: .closed
        }
    }

    /// What the client has been through, for metrics.
    public var history: ConnectionHistory {
        let (phase, past) = box.withLockedValue { ($0.phase, $0.history) }
        var history = ConnectionHistory(connects: past.connects, blockedTime: past.blockedTime)
        if case .connected(let connection) = phase { history.blockedTime += connection.blockedTime }
        return history
    }

    /// Adds something to do at each connect, after those added before and before anything else uses the connection.
    ///
    /// Added while connected, it is done at the next connect. An action that throws makes the attempt fail; it is
    /// repeated after a delay. It uses the connection that it is given: calls of the client wait until it is done.
    /// - Parameters:
    ///   - name: what errors call it.
    ///   - action: what to do; called in the order of adding, one after the other.
    public func onConnect(_ name: String, _ action: @escaping @Sendable (AMQPConnection) async throws -> Void) {
        box.withLockedValue { $0.actions.append((name, action)) }
    }

    /// Waits until the client is connected.
    ///
    /// - Throws: `.timedOut` with the last error beneath it, `.closed`, `.cancelled`.
    public func waitUntilConnected(timeout: Duration) async throws(AMQPError) {
        _ = try await connection(timeout: timeout)
    }

    /// The connection, as soon as there is one.
    ///
    /// - Parameter isToConsume: whether it is for a subscription, for which there is none any more in an orderly end.
    func connection(
        timeout: Duration? = nil, isToConsume: Bool = false
    ) async throws(AMQPError) -> AMQPConnection {
        let present = { (state: inout ClientState) in isToConsume ? state.connectionToConsume : state.connection }
        if let connection = box.withLockedValue(present) { return try connection.get() }
        let id = WaiterID.next()
        let timer = timeout.map { timeout in
            MultiThreadedEventLoopGroup.singleton.next().scheduleTask(in: TimeAmount(timeout)) {
                self.giveUp(id, AMQPError(.timedOut, "not connected within \(timeout)", underlying: self.lastError))
            }
        }
        defer { timer?.cancel() }
        let result = await withTaskCancellationHandler {
            await withValueContinuation { continuation in
                let known: Result<AMQPConnection, AMQPError>? = box.withLockedValue { state in
                    if let connection = present(&state) { return connection }
                    if Task.isCancelled { return .failure(Self.cancelled) }
                    state.wait(ClientState.Waiting(id: id, continuation: continuation))
                    return nil
                }
                if let known { continuation.resume(returning: known) }
            }
        } onCancel: {
            giveUp(id, Self.cancelled)
        }
        return try result.get()
    }

    private static let cancelled = AMQPError(.cancelled, "the task that waited for the connection was cancelled")

    private func giveUp(_ id: UInt64, _ error: AMQPError) {
        let waiter = box.withLockedValue { $0.removeWaiter(id) }
        waiter?.continuation.resume(returning: .failure(error))
    }

    // MARK: Using it

    /// Waits for the connection, opens a channel, and closes it after `body`.
    @discardableResult
    public func withChannel<R: Sendable>(
        confirms: Bool = false, _ body: (AMQPChannel) async throws -> R
    ) async throws -> R {
        let channel = try await connection().openChannel(confirms: confirms)
        do {
            let result = try await body(channel)
            await channel.close()
            return result
        } catch {
            await channel.close()
            throw error
        }
    }

    /// Publishes a message on the client's own channel and returns when it is confirmed.
    ///
    /// Messages go out in the order of the calls; calls that overlap have no order among them. What is not confirmed when
    /// the connection is lost is published again, unchanged and in order, so a message may be stored twice, with the same
    /// id, but is not lost.
    /// - Throws: `.nacked`, `.returned`, `.timedOut`, `.cancelled`, `.closed`, `.invalidArgument`, and `.channelClosed`
    ///   when the broker refuses this message with a channel error (a missing exchange, no permission).
    public func publish(
        _ message: OutgoingMessage, deadline: Duration = .seconds(30)
    ) async throws(AMQPError) {
        try await publisher.publish(message, deadline: deadline)
    }

    /// Consumes from a queue for as long as the client lives; see ``RecoveringDeliveries``.
    public func consume(
        _ queue: String, prefetch: UInt16, exclusive: Bool = false, arguments: FieldTable = [:]
    ) -> RecoveringDeliveries {
        RecoveringDeliveries(
            client: self, queue: queue, prefetch: prefetch, exclusive: exclusive, arguments: arguments)
    }
}
