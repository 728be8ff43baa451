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
    /// How many bytes came through, after TLS if there is one.
    let byteCount: NIOLockedValueBox<Int>

    var port: Int { server.localAddress?.port ?? 0 }

    private init(
        _ server: any Channel, _ clients: NIOLockedValueBox<[any Channel]>, _ received: Recorder<Method>,
        _ byteCount: NIOLockedValueBox<Int>
    ) {
        self.server = server
        self.clients = clients
        self.received = received
        self.byteCount = byteCount
    }

    /// Logs in whoever comes, opens channels, and closes.
    static let wellBehaved: Script = { method in
        switch (method.classID, method.methodID) {
        case (0, 0): BrokerBytes.start()
        case (10, 11): BrokerBytes.tune(heartbeat: 1)
        case (10, 40): BrokerBytes.openOK
        case (10, 50): BrokerBytes.method(0, 10, 51)
        case (20, 10): BrokerBytes.channelOpenOK(method.channel)
        case (20, 40): BrokerBytes.channelCloseOK(method.channel)
        case (85, 10): BrokerBytes.confirmSelectOK(method.channel)
        default: []
        }
    }

    static let mute: Script = { _ in [] }

    static func start(tls: NIOSSLContext? = nil, _ script: @escaping Script = wellBehaved) async throws
        -> ScriptedBroker
    {
        let clients = NIOLockedValueBox<[any Channel]>([])
        let received = Recorder<Method>()
        let byteCount = NIOLockedValueBox(0)
        let server = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelInitializer { channel in
                clients.withLockedValue { $0.append(channel) }
                return channel.eventLoop.makeCompletedFuture {
                    if let tls { try channel.pipeline.syncOperations.addHandler(NIOSSLServerHandler(context: tls)) }
                    try channel.pipeline.syncOperations.addHandler(Handler(script, received, byteCount))
                }
            }
            .childChannelOption(.socketOption(.so_rcvbuf), value: 65_536)
            .bind(host: "127.0.0.1", port: 0).get()
        return ScriptedBroker(server, clients, received, byteCount)
    }

    /// Sends bytes to everyone.
    func send(_ bytes: [UInt8]) {
        for client in clients.withLockedValue({ $0 }) { client.writeAndFlush(ByteBuffer(bytes: bytes), promise: nil) }
    }

    /// Reads no more from anyone, like a broker short of memory, or reads again.
    func setReading(_ isReading: Bool) async throws {
        for client in clients.withLockedValue({ $0 }) {
            try await client.setOption(.autoRead, value: isReading).get()
        }
    }

    func hangUp() {
        for client in clients.withLockedValue({ $0 }) { client.close(promise: nil) }
    }

    func stop() async {
        hangUp()
        try? await server.close()
    }

    private final class Handler: ChannelInboundHandler {
        typealias InboundIn = ByteBuffer

        private let script: Script
        private let received: Recorder<Method>
        private let byteCount: NIOLockedValueBox<Int>
        private var held: [UInt8] = []
        private var isGreeted = false

        init(_ script: @escaping Script, _ received: Recorder<Method>, _ byteCount: NIOLockedValueBox<Int>) {
            self.script = script
            self.received = received
            self.byteCount = byteCount
        }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            let bytes = Array(unwrapInboundIn(data).readableBytesView)
            byteCount.withLockedValue { $0 += bytes.count }
            held += bytes
            if !isGreeted, held.count >= 8 {
                isGreeted = true
                held.removeFirst(8)
                answer(Method(channel: 0, classID: 0, methodID: 0), context)
            }
            while isGreeted, held.count >= 8 {
                let length = held[3..<7].reduce(0) { $0 << 8 | Int($1) }
                guard held.count >= length + 8 else { break }
                if held[0] == 1 {
                    func word(_ offset: Int) -> UInt16 { UInt16(held[offset]) << 8 | UInt16(held[offset + 1]) }
                    answer(Method(channel: word(1), classID: word(7), methodID: word(9)), context)
                }
                held.removeFirst(length + 8)
            }
        }

        private func answer(_ method: Method, _ context: ChannelHandlerContext) {
            received.record(method)
            let bytes = script(method)
            if !bytes.isEmpty { context.writeAndFlush(NIOAny(ByteBuffer(bytes: bytes)), promise: nil) }
        }

        func errorCaught(context: ChannelHandlerContext, error: any Error) {
            context.close(promise: nil)
        }
    }
}

/// Runs a test with a scripted broker.
func withScriptedBroker<R>(
    tls: NIOSSLContext? = nil, _ script: @escaping ScriptedBroker.Script = ScriptedBroker.wellBehaved,
    _ body: (ScriptedBroker, AMQPConfiguration) async throws -> R
) async throws -> R {
    let broker = try await ScriptedBroker.start(tls: tls, script)
    let configuration = AMQPConfiguration(hosts: [.init(name: "127.0.0.1", port: broker.port)])
    do {
        let result = try await body(broker, configuration)
        await broker.stop()
        return result
    } catch {
        await broker.stop()
        throw error
    }
}
