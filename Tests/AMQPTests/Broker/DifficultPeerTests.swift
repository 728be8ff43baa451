import Logging
import NIOConcurrencyHelpers
import NIOCore
import NIOPosix
import TestSupport
import Testing

@testable import AMQP

#if canImport(Darwin)
    import Darwin
#else
    import Glibc
#endif

@Suite(.timeLimit(.minutes(3))) struct `Difficult peers` {
    @Test func `a mute host makes way for the next within the deadline`() async throws {
        try await withScriptedBroker(ScriptedBroker.mute) { mute, _ in
            try await withScriptedBroker { good, configuration in
                var configuration = configuration
                configuration.hosts = [.init(name: "127.0.0.1", port: mute.port)] + configuration.hosts
                configuration.connectTimeout = .seconds(3)
                let connection = try await AMQPConnection.connect(configuration, logger: quietLogger)
                #expect(connection.host.port == good.port)
                await connection.close()
            }
        }
    }

    @Test func `a host that refuses connections is named`() async throws {
        let (socket, port) = try Self.silentPort()
        defer { close(socket) }
        let configuration = AMQPConfiguration(hosts: [.init(name: "127.0.0.1", port: port)])
        let error = await failure { _ = try await AMQPConnection.connect(configuration, logger: quietLogger) }
        #expect(error?.code == .connectionFailed)
        #expect(error?.message.contains("\(port)") == true, "\(String(describing: error))")
    }

    /// A port that is taken, so that no other test gets it, and on which nobody listens.
    private static func silentPort() throws -> (socket: Int32, port: Int) {
        #if canImport(Darwin)
            let kind = SOCK_STREAM
        #else
            let kind = Int32(SOCK_STREAM.rawValue)
        #endif
        let taken = socket(AF_INET, kind, 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let status = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(taken, $0, length) == 0 ? getsockname(taken, $0, &length) : -1
            }
        }
        try #require(taken >= 0 && status == 0, "errno \(errno)")
        return (taken, Int(UInt16(bigEndian: address.sin_port)))
    }

    @Test func `of a name's addresses those that refuse make way for the next`() async throws {
        let (socket, refusing) = try Self.silentPort()
        defer { close(socket) }
        try await withScriptedBroker { broker, configuration in
            let addresses = try [refusing, refusing, broker.port].map {
                try SocketAddress(ipAddress: "127.0.0.1", port: $0)
            }
            for _ in 1...30 {
                let core = try await ConnectAttempt(
                    configuration, host: .init(name: "broker.example"), tls: nil, logger: quietLogger,
                    resolver: FixedResolver(addresses: addresses)
                ).run()
                core.perform { $0.close(.closure { _ in }, deadline: .now() + .seconds(5)) }
            }
            let lonely = await failure {
                _ = try await ConnectAttempt(
                    configuration, host: .init(name: "broker.example", port: 5672), tls: nil, logger: quietLogger,
                    resolver: FixedResolver(addresses: Array(addresses.dropLast()))
                ).run()
            }
            #expect(lonely?.message == "broker.example:5672 cannot be reached")
        }
    }

    @Test func `nothing is kept of a host that refuses`() async throws {
        let (socket, port) = try Self.silentPort()
        defer { close(socket) }
        let configuration = AMQPConfiguration(hosts: [.init(name: "127.0.0.1", port: port)])
        weak var kept: TokenLogHandler.Token?
        for _ in 1...10 {
            let token = TokenLogHandler.Token()
            kept = token
            let logger = Logger(label: "token") { _ in TokenLogHandler(token: token) }
            _ = await failure { _ = try await AMQPConnection.connect(configuration, logger: logger) }
        }
        try await eventually("the attempt is gone") { kept == nil }
    }

    /// It was, once in two thousand: when the cancellation came while the event loop made the channel.
    @Test func `nothing is kept of an attempt that is cancelled at whatever moment`() async throws {
        let (socket, port) = try Self.silentPort()
        defer { close(socket) }
        let configuration = AMQPConfiguration(hosts: [.init(name: "127.0.0.1", port: port)])
        let alive = NIOLockedValueBox(0)
        await withDiscardingTaskGroup { group in
            for _ in 1...400 {
                group.addTask {
                    let connecting = Task {
                        let token = TokenLogHandler.Token(countedIn: alive)
                        let logger = Logger(label: "token") { _ in TokenLogHandler(token: token) }
                        _ = await failure { _ = try await AMQPConnection.connect(configuration, logger: logger) }
                    }
                    for _ in 0..<Int.random(in: 0...20) { await Task.yield() }
                    connecting.cancel()
                    await connecting.value
                }
            }
        }
        try await eventually("all attempts are gone") { alive.withLockedValue { $0 } == 0 }
    }

    @Test func `a name that does not resolve is a failed connection`() async {
        let configuration = AMQPConfiguration(hosts: [.init(name: "no-such-host.invalid")])
        let error = await failure { _ = try await AMQPConnection.connect(configuration, logger: quietLogger) }
        #expect(error?.code == .connectionFailed)
    }

    @Test func `a refused login does not go on to the next host`() async throws {
        try await withScriptedBroker({ method in
            method.classID == 10 && method.methodID == 11
                ? BrokerBytes.close(403, "ACCESS_REFUSED") : ScriptedBroker.wellBehaved(method)
        }) { _, configuration in
            try await withScriptedBroker { second, other in
                var configuration = configuration
                configuration.hosts += other.hosts
                let error = await failure { _ = try await AMQPConnection.connect(configuration, logger: quietLogger) }
                #expect(error?.code == .authenticationRefused)
                #expect(second.received.values.isEmpty)
            }
        }
    }

    @Test func `connecting to a mute host can be cancelled at once`() async throws {
        try await withScriptedBroker(ScriptedBroker.mute) { mute, configuration in
            let clock = ContinuousClock()
            let connecting = Task {
                await failure { _ = try await AMQPConnection.connect(configuration, logger: quietLogger) }
            }
            try await eventually("the greeting has come") { !mute.received.values.isEmpty }
            let start = clock.now
            connecting.cancel()
            #expect(await connecting.value?.code == .cancelled)
            #expect(clock.now - start < .seconds(1))
        }
    }

    @Test func `a call that is never answered times out and can be cancelled`() async throws {
        try await withScriptedBroker { _, configuration in
            var configuration = configuration
            configuration.rpcTimeout = .seconds(3)
            configuration.heartbeat = .zero
            let connection = try await AMQPConnection.connect(configuration, logger: quietLogger)
            let channel = try await connection.openChannel(confirms: true)
            #expect(await failure { try await channel.purgeQueue("q") }?.code == .timedOut)
            let late = await failure { try await channel.publish(.test(), deadline: .milliseconds(200)) }
            #expect(late?.code == .timedOut)
            let waiting = Task { await failure { try await channel.publish(.test()) } }
            waiting.cancel()
            #expect(await waiting.value?.code == .cancelled)
            await connection.close()
        }
    }

    @Test func `a peer that vanishes is noticed by its silence`() async throws {
        // The scripted broker sends no heartbeats; one second was negotiated, so two are the limit.
        try await withScriptedBroker { _, configuration in
            let connection = try await AMQPConnection.connect(configuration, logger: quietLogger)
            let channel = try await connection.openChannel(confirms: true)
            async let published = failure { try await channel.publish(.test()) }
            let error = await connection.waitUntilClosed()
            #expect(error?.code == .connectionClosed)
            #expect(error?.message.contains("heartbeat") == true)
            #expect(await published?.code == .connectionClosed)
        }
    }

    @Test func `a peer that hangs up ends everything that waits`() async throws {
        try await withScriptedBroker { broker, configuration in
            let connection = try await AMQPConnection.connect(configuration, logger: quietLogger)
            let channel = try await connection.openChannel(confirms: true)
            async let published = failure { try await channel.publish(.test()) }
            async let called = failure { try await channel.purgeQueue("q") }
            try await eventually("both were sent") {
                broker.received.values.count { $0.classID >= 50 && $0.classID < 85 } == 2
            }
            broker.hangUp()
            #expect(await published?.code == .connectionClosed)
            #expect(await called?.code == .connectionClosed)
            #expect(await connection.waitUntilClosed()?.code == .connectionClosed)
        }
    }

    @Test func `a blocked connection suspends publishers, which resume or can be cancelled`() async throws {
        try await withScriptedBroker { method in
            method == .init(channel: 1, classID: 60, methodID: 40)
                ? BrokerBytes.ack(1, 1) : ScriptedBroker.wellBehaved(method)
        } _: { broker, configuration in
            var configuration = configuration
            configuration.heartbeat = .zero
            let connection = try await AMQPConnection.connect(configuration, logger: quietLogger)
            let channel = try await connection.openChannel(confirms: true)
            broker.send(BrokerBytes.method(0, 10, 60, BrokerBytes.short("low on memory")))
            try await eventually("it is blocked") { connection.isBlocked }
            let cancelled = Task { await failure { try await channel.publish(.test([1])) } }
            let patient = Task { await failure { try await channel.publish(.test([2])) } }
            try await eventually("both wait") { connection.core.read { $0.gated.count } == 2 }
            cancelled.cancel()
            #expect(await cancelled.value?.code == .cancelled)
            broker.send(BrokerBytes.method(0, 10, 61))
            #expect(await patient.value == nil)
            await connection.close()
        }
    }

    @Test func `a peer that stops reading suspends publishers, and close keeps its deadline`() async throws {
        try await withScriptedBroker { broker, configuration in
            var configuration = configuration
            configuration.heartbeat = .zero
            let connection = try await AMQPConnection.connect(configuration, logger: quietLogger)
            let channel = try await connection.openChannel()
            try await broker.setReading(false)
            let sent = Recorder<Int>()
            let publishing = Task {
                await failure {
                    for index in 0..<200 {
                        try await channel.publish(.test(Array(repeating: 0, count: 1 << 20)))
                        sent.record(index)
                    }
                }
            }
            try await eventually("a publisher waits") { connection.core.read { !$0.gated.isEmpty } }
            #expect(sent.values.count < 100)
            // What is received is still heard.
            broker.send(BrokerBytes.method(0, 10, 60, BrokerBytes.short("low on memory")))
            try await eventually("it is blocked") { connection.isBlocked }
            let clock = ContinuousClock()
            let start = clock.now
            await connection.close(deadline: .seconds(3))
            #expect(clock.now - start < .seconds(3) + schedulingAllowance)
            #expect(await publishing.value?.code == .closed)
        }
    }

    @Test func `a frame that lies closes the connection and names the cause`() async throws {
        try await withScriptedBroker { broker, configuration in
            let connection = try await AMQPConnection.connect(configuration, logger: quietLogger)
            broker.send([1, 0, 0, 255, 255, 255, 255])
            let error = await connection.waitUntilClosed()
            #expect(error?.code == .protocolViolation)
            #expect(error?.replyCode == 501)
            try await eventually("the broker was told") {
                broker.received.values.contains { $0.classID == 10 && $0.methodID == 50 }
            }
        }
    }
}

/// Answers at once.
private final class FixedResolver: Resolver, Sendable {
    let addresses: [SocketAddress]

    init(addresses: [SocketAddress]) { self.addresses = addresses }

    private func answer(_ addresses: [SocketAddress]) -> EventLoopFuture<[SocketAddress]> {
        MultiThreadedEventLoopGroup.singleton.next().makeSucceededFuture(addresses)
    }

    func initiateAQuery(host: String, port: Int) -> EventLoopFuture<[SocketAddress]> { answer(addresses) }

    func initiateAAAAQuery(host: String, port: Int) -> EventLoopFuture<[SocketAddress]> { answer([]) }

    func cancelQueries() {}
}

/// Keeps a token as long as somebody keeps the logger.
private struct TokenLogHandler: LogHandler {
    final class Token: Sendable {
        private let alive: NIOLockedValueBox<Int>

        init(countedIn alive: NIOLockedValueBox<Int> = .init(0)) {
            self.alive = alive
            alive.withLockedValue { $0 += 1 }
        }

        deinit { alive.withLockedValue { $0 -= 1 } }
    }

    let token: Token
    var metadata: Logger.Metadata = [:]
    var logLevel = Logger.Level.critical

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    func log(event: LogEvent) {}
}
