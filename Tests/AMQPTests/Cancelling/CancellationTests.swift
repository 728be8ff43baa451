import NIOCore
import NIOPosix
import TestSupport
import Testing

@testable import AMQP

/// Cancelling what waits: it returns at once, and no descriptor, channel or waiter of it stays.
///
/// Connecting and being a client; calls of a connection are in `CancellationTests+Calls.swift`.
@Suite(.timeLimit(.minutes(3))) struct CancellationTests {
    /// How many wait at the same time for the same.
    static let count = 5

    /// Waits until no descriptor of ours leads to a port but those that did before.
    static func expectNoSocket(to port: Int, but others: Int = 0) async throws {
        guard openSockets(to: port) != nil else { return }
        try await eventually("the sockets are closed") { openSockets(to: port) == others }
    }

    private static func connect(_ configuration: AMQPConfiguration) -> @Sendable () async throws -> Void {
        { _ = try await AMQPConnection.connect(configuration, logger: quietLogger) }
    }

    private static func configuration(port: Int) -> AMQPConfiguration {
        var configuration = AMQPConfiguration(hosts: [.init(name: "127.0.0.1", port: port)])
        configuration.connectTimeout = .seconds(60)
        return configuration
    }

    // MARK: Connecting

    @Test func `connecting to a port where nothing answers`() async throws {
        try await withBlackHole { port, others in
            _ = try await cancelSuspended(Self.count) { count in
                openSockets(to: port).map { $0 == others + count } ?? true
            } _: {
                try await Self.connect(Self.configuration(port: port))()
            }
            try await Self.expectNoSocket(to: port, but: others)
        }
    }

    @Test func `connecting by a name that no server resolves`() async throws {
        let resolver = MuteResolver()
        defer { resolver.giveUp() }
        _ = try await cancelSuspended(Self.count) {
            resolver.questions.values.count == 2 * $0
        } _: {
            _ = try await ConnectAttempt(
                Self.configuration(port: 1), host: .init(name: "broker.invalid"), tls: nil, logger: quietLogger,
                resolver: resolver
            ).run()
        }
    }

    @Test func `TLS with a server that says nothing`() async throws {
        let workshop = try await CertificateWorkshop.shared()
        let greeted = Recorder<Void>()
        try await withRawServer({ _ in greeted.record(()) }) { port, _ in
            var configuration = Self.configuration(port: port)
            configuration.tls = TLSOptions(caFile: workshop.authority.certificateFile)
            _ = try await cancelSuspended(
                Self.count, isWaiting: { greeted.values.count == $0 }, Self.connect(configuration))
            try await Self.expectNoSocket(to: port)
        }
    }

    @Test(arguments: [[0, 0], [10, 11], [10, 40]] as [[UInt16]])
    func `the login at a broker that stops answering`(silent: [UInt16]) async throws {
        try await withScriptedBroker { method in
            [method.classID, method.methodID] == silent ? [] : ScriptedBroker.wellBehaved(method)
        } _: { broker, configuration in
            var configuration = configuration
            configuration.connectTimeout = .seconds(60)
            _ = try await cancelSuspended(
                Self.count,
                isWaiting: { count in
                    broker.received.values.count { [$0.classID, $0.methodID] == silent } == count
                }, Self.connect(configuration))
            try await Self.expectNoSocket(to: broker.port)
        }
    }

    @Test func `a task that was cancelled before does not connect`() async throws {
        try await withScriptedBroker { broker, configuration in
            let error = await Task {
                withUnsafeCurrentTask { $0?.cancel() }
                return await failure(of: Self.connect(configuration))
            }.value
            #expect(error?.code == .cancelled)
            #expect(broker.connectionCount == 0)
        }
    }

    // MARK: The client

    @Test func `what waits for a client that finds no broker, and the client itself`() async throws {
        try await withBlackHole { port, others in
            let client = AMQPClient(configuration: Self.configuration(port: port), logger: quietLogger)
            let running = Task { try? await client.run() }
            try await eventually("it connects") { openSockets(to: port).map { $0 == others + 1 } ?? true }
            let calls: [@Sendable () async throws -> Void] = [
                { try await client.publish(.test()) },
                { try await client.waitUntilConnected(timeout: .seconds(60)) },
                { try await client.withChannel { _ in } },
                { for try await _ in client.consume("queue", prefetch: 1) {} },
            ]
            // Whether they wait cannot be seen; cancelling them before they do is as good.
            for call in calls { _ = try await cancelSuspended(Self.count, isWaiting: { _ in true }, call) }
            #expect(try await Self.duration(of: running) < cancellationPromise + schedulingAllowance)
            try await Self.expectNoSocket(to: port, but: others)
        }
    }

    @Test func `a client whose broker does not answer its goodbye`() async throws {
        try await withScriptedBroker(reacting: Reaction.wellBehaved(until: .closeConnection) { _ in .nothing }) {
            broker, configuration in
            // The goodbye is given half of the time.
            let promise = cancellationPromise * 2
            var durations: [Duration] = []
            // A loaded machine can be late five times in a row; a client that waits for the answer is late each time.
            while durations.count < Self.count || durations.allSatisfy({ $0 >= promise }) && durations.count < 50 {
                let client = AMQPClient(configuration: configuration, logger: quietLogger)
                let running = Task { try? await client.run() }
                try await client.waitUntilConnected(timeout: .seconds(30))
                durations.append(try await Self.duration(of: running))
            }
            #expect(durations.contains { $0 < promise })
            try await Self.expectNoSocket(to: broker.port)
        }
    }

    /// How long a task takes to end when it is cancelled.
    static func duration(of task: Task<Void?, Never>) async throws -> Duration {
        let start = ContinuousClock.now
        task.cancel()
        _ = await task.value
        return ContinuousClock.now - start
    }
}

/// Answers nothing, like a name server that is gone.
private final class MuteResolver: Resolver, Sendable {
    let questions = Recorder<EventLoopPromise<[SocketAddress]>>()

    private func ask() -> EventLoopFuture<[SocketAddress]> {
        let promise = MultiThreadedEventLoopGroup.singleton.next().makePromise(of: [SocketAddress].self)
        questions.record(promise)
        return promise.futureResult
    }

    func initiateAQuery(host: String, port: Int) -> EventLoopFuture<[SocketAddress]> { ask() }

    func initiateAAAAQuery(host: String, port: Int) -> EventLoopFuture<[SocketAddress]> { ask() }

    func cancelQueries() {}

    func giveUp() {
        for promise in questions.values { promise.fail(AMQPError(.connectionFailed, "nobody resolves it")) }
    }
}
