import NIOConcurrencyHelpers
import NIOCore
import NIOPosix
import NIOSSL

@testable import AMQP

/// A server on loopback that answers methods as a test tells it.
final class ScriptedBroker: Sendable {
    struct Method: Sendable, Equatable {
        var channel: UInt16
        var classID: UInt16
        var methodID: UInt16
    }

    /// What to do with a method: bytes to send, or nothing.
    typealias Script = @Sendable (Method) -> [UInt8]

    private let server: any Channel
    private let clients: NIOLockedValueBox<[any Channel]>
    /// The methods received so far.
    let received: Recorder<Method>
    /// The same with their arguments.
    let calls: Recorder<ReceivedCall>
    /// How many bytes came through, after TLS if there is one.
    let byteCount: NIOLockedValueBox<Int>
    /// How many bytes of floods the network has taken.
    let floodedBytes: NIOLockedValueBox<Int>

    var port: Int { server.localAddress?.port ?? 0 }

    var host: AMQPConfiguration.Host { .init(name: "127.0.0.1", port: port) }

    /// How many connections there were.
    var connectionCount: Int { clients.withLockedValue { $0.count } }

    private init(
        _ server: any Channel, _ clients: NIOLockedValueBox<[any Channel]>, _ received: Recorder<Method>,
        _ calls: Recorder<ReceivedCall>, _ byteCount: NIOLockedValueBox<Int>, _ floodedBytes: NIOLockedValueBox<Int>
    ) {
        self.server = server
        self.clients = clients
        self.received = received
        self.calls = calls
        self.byteCount = byteCount
        self.floodedBytes = floodedBytes
    }

    /// Logs in whoever comes, opens channels, and closes; it asks for no heartbeats, for it sends none.
    static let wellBehaved: Script = { method in
        switch (method.classID, method.methodID) {
        case (0, 0): BrokerBytes.start()
        case (10, 11): BrokerBytes.tune(heartbeat: 0)
        case (10, 40): BrokerBytes.openOK
        case (10, 50): BrokerBytes.method(0, 10, 51)
        case (20, 10): BrokerBytes.channelOpenOK(method.channel)
        case (20, 40): BrokerBytes.channelCloseOK(method.channel)
        case (85, 10): BrokerBytes.confirmSelectOK(method.channel)
        default: []
        }
    }

    static let mute: Script = { _ in [] }

    /// - Parameter bytesPerWrite: how many bytes go out at once, each time in a TLS record of their own; `nil` for all.
    static func start(
        tls: NIOSSLContext? = nil, bytesPerWrite: Int? = nil, _ script: @escaping Script = wellBehaved
    ) async throws -> ScriptedBroker {
        try await start(tls: tls, bytesPerWrite: bytesPerWrite, reacting: { .send(script($0.method)) })
    }

    static func start(
        tls: NIOSSLContext? = nil, bytesPerWrite: Int? = nil, reacting script: @escaping Reaction.Script
    ) async throws -> ScriptedBroker {
        let clients = NIOLockedValueBox<[any Channel]>([])
        let received = Recorder<Method>()
        let calls = Recorder<ReceivedCall>()
        let byteCount = NIOLockedValueBox(0)
        let floodedBytes = NIOLockedValueBox(0)
        let server = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelInitializer { channel in
                let number = clients.withLockedValue { clients in
                    clients.append(channel)
                    return clients.count - 1
                }
                return channel.eventLoop.makeCompletedFuture {
                    if let tls { try channel.pipeline.syncOperations.addHandler(NIOSSLServerHandler(context: tls)) }
                    try channel.pipeline.syncOperations.addHandler(
                        ScriptedBrokerHandler(
                            script, connection: number, received, calls, byteCount, floodedBytes,
                            bytesPerWrite: bytesPerWrite))
                }
            }
            .childChannelOption(.socketOption(.so_rcvbuf), value: 65_536)
            .childChannelOption(.socketOption(.tcp_nodelay), value: 1)
            .bind(host: "127.0.0.1", port: 0).get()
        return ScriptedBroker(server, clients, received, calls, byteCount, floodedBytes)
    }

    /// Sends bytes to everyone.
    func send(_ bytes: [UInt8]) {
        for client in clients.withLockedValue({ $0 }) { client.writeAndFlush(ByteBuffer(bytes: bytes), promise: nil) }
    }

    /// Sends bytes again and again, on an event loop: tasks may have to wait for others until the peer loses patience.
    func keepSending(_ bytes: [UInt8], every interval: TimeAmount) -> RepeatedTask {
        MultiThreadedEventLoopGroup.singleton.next()
            .scheduleRepeatedTask(initialDelay: .zero, delay: interval) { _ in self.send(bytes) }
    }

    /// Reads no more from anyone, like a broker short of memory, or reads again.
    func setReading(_ isReading: Bool) async throws {
        for client in clients.withLockedValue({ $0 }) {
            try await client.setOption(.autoRead, value: isReading).get()
        }
    }

    /// Closes the sockets under TLS, without the alert that says so.
    func cutOff() async throws {
        for client in clients.withLockedValue({ $0 }) {
            try await client.eventLoop.submit {
                try client.pipeline.syncOperations.context(handlerType: NIOSSLServerHandler.self).close(promise: nil)
            }.get()
        }
    }

    func hangUp() {
        for client in clients.withLockedValue({ $0 }) { client.close(promise: nil) }
    }

    func stop() async {
        hangUp()
        try? await server.close()
    }
}

/// Runs a test with a scripted broker.
func withScriptedBroker<R>(
    tls: NIOSSLContext? = nil, bytesPerWrite: Int? = nil,
    _ script: @escaping ScriptedBroker.Script = ScriptedBroker.wellBehaved,
    _ body: (ScriptedBroker, AMQPConfiguration) async throws -> R
) async throws -> R {
    try await withScriptedBroker(tls: tls, bytesPerWrite: bytesPerWrite, reacting: { .send(script($0.method)) }, body)
}

/// Runs a test with a scripted broker that knows more ways to answer.
func withScriptedBroker<R>(
    tls: NIOSSLContext? = nil, bytesPerWrite: Int? = nil, reacting script: @escaping Reaction.Script,
    _ body: (ScriptedBroker, AMQPConfiguration) async throws -> R
) async throws -> R {
    let broker = try await ScriptedBroker.start(tls: tls, bytesPerWrite: bytesPerWrite, reacting: script)
    var configuration = AMQPConfiguration(hosts: [broker.host])
    // A script sends no heartbeats.
    configuration.heartbeat = .seconds(60)
    do {
        let result = try await body(broker, configuration)
        await broker.stop()
        return result
    } catch {
        await broker.stop()
        throw error
    }
}
