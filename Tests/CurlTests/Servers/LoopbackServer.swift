import NIOCore
import NIOPosix
import NIOSSL
import Synchronization

/// What a server does in answer to what it received, in order.
enum Reaction: Sendable {
    case send(String)
    case sendBytes([UInt8])
    /// From here on the connection is encrypted.
    case startTLS
    case close
}

/// One side of a conversation: told what arrives, it answers.
///
/// A new value per connection.
protocol Script: Sendable {
    mutating func opened() -> [Reaction]
    /// Takes what it understands out of `buffer`.
    mutating func received(_ buffer: inout [UInt8]) -> [Reaction]
}

/// A server on a free loopback port whose every word a test decides.
final class LoopbackServer: Sendable {
    let port: Int
    private let channel: any Channel
    private let state: Connections

    /// How many connections were accepted, and how many of them have been closed.
    var accepted: Int { state.counts.withLock { $0.accepted } }
    var closed: Int { state.counts.withLock { $0.closed } }

    private init(channel: any Channel, port: Int, state: Connections) {
        self.channel = channel
        self.port = port
        self.state = state
    }

    /// Runs a server for as long as `body` takes.
    ///
    /// - Parameters:
    ///   - tls: the server's certificate, for `startTLS` and for `encrypted`.
    ///   - encrypted: whether connections are encrypted from the first byte.
    static func run<Result>(
        tls: NIOSSLContext? = nil, encrypted: Bool = false, script: @escaping @Sendable () -> any Script,
        body: (LoopbackServer) async throws -> Result
    ) async throws -> Result {
        let state = Connections()
        let channel = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelInitializer { child in
                child.eventLoop.makeCompletedFuture {
                    let pipeline = child.pipeline.syncOperations
                    if encrypted, let tls { try pipeline.addHandler(NIOSSLServerHandler(context: tls)) }
                    try pipeline.addHandler(ScriptHandler(script: script(), tls: tls, connections: state))
                }
            }
            .bind(host: "127.0.0.1", port: 0).get()
        let server = LoopbackServer(channel: channel, port: channel.localAddress?.port ?? 0, state: state)
        do {
            let result = try await body(server)
            await server.stop()
            return result
        } catch {
            await server.stop()
            throw error
        }
    }

    private func stop() async {
        try? await channel.close()
        for child in state.counts.withLock({ $0.open }).values { child.close(promise: nil) }
    }
}

final class Connections: Sendable {
    struct Counts {
        var accepted = 0
        var closed = 0
        var open: [ObjectIdentifier: any Channel] = [:]
    }

    let counts = Mutex(Counts())
}

/// Feeds a script with what a connection receives.
///
/// Confined to the connection's event loop.
private final class ScriptHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private var script: any Script
    private let tls: NIOSSLContext?
    private let connections: Connections
    private var buffer: [UInt8] = []

    init(script: any Script, tls: NIOSSLContext?, connections: Connections) {
        self.script = script
        self.tls = tls
        self.connections = connections
    }

    func channelActive(context: ChannelHandlerContext) {
        let channel = context.channel
        connections.counts.withLock {
            $0.accepted += 1
            $0.open[ObjectIdentifier(channel)] = channel
        }
        react(script.opened(), context: context)
    }

    func channelInactive(context: ChannelHandlerContext) {
        let key = ObjectIdentifier(context.channel)
        connections.counts.withLock {
            $0.closed += 1
            $0.open[key] = nil
        }
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        buffer.append(contentsOf: unwrapInboundIn(data).readableBytesView)
        react(script.received(&buffer), context: context)
    }

    /// A client that breaks off (a refused certificate, a cancelled task) is what some tests are about.
    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        context.close(promise: nil)
    }

    private func react(_ reactions: [Reaction], context: ChannelHandlerContext) {
        for reaction in reactions {
            switch reaction {
            case .send(let text):
                context.writeAndFlush(wrapOutboundOut(ByteBuffer(string: text)), promise: nil)
            case .sendBytes(let bytes):
                context.writeAndFlush(wrapOutboundOut(ByteBuffer(bytes: bytes)), promise: nil)
            case .startTLS:
                guard let tls else { return context.close(promise: nil) }
                try? context.pipeline.syncOperations.addHandler(NIOSSLServerHandler(context: tls), position: .first)
            case .close:
                context.close(promise: nil)
            }
        }
    }
}
