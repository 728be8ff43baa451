import NIOConcurrencyHelpers
import NIOCore
import NIOPosix

#if canImport(Darwin)
    import Darwin
#else
    import Glibc
#endif

/// A way to the broker that breaks when it is told to: every connection through it is reset.
final class FlakyProxy: Sendable {
    private let server: any Channel
    private let open: NIOLockedValueBox<[ObjectIdentifier: any Channel]>

    var port: Int { server.localAddress?.port ?? 0 }

    private init(_ server: any Channel, _ open: NIOLockedValueBox<[ObjectIdentifier: any Channel]>) {
        self.server = server
        self.open = open
    }

    static func start(to host: String, port: Int) async throws -> FlakyProxy {
        let open = NIOLockedValueBox<[ObjectIdentifier: any Channel]>([:])
        let binding = ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .childChannelOption(.autoRead, value: false)
            .childChannelInitializer { inbound in
                let key = ObjectIdentifier(inbound)
                open.withLockedValue { $0[key] = inbound }
                inbound.closeFuture.whenComplete { _ in open.withLockedValue { $0[key] = nil } }
                return ClientBootstrap(group: inbound.eventLoop)
                    .channelOption(.autoRead, value: false)
                    .connect(host: host, port: port)
                    .flatMapThrowing { outbound in
                        // Either may be closed before the other knows of it.
                        inbound.closeFuture.whenComplete { _ in outbound.close(promise: nil) }
                        outbound.closeFuture.whenComplete { _ in inbound.close(promise: nil) }
                        try inbound.pipeline.syncOperations.addHandler(Glue(to: outbound))
                        try outbound.pipeline.syncOperations.addHandler(Glue(to: inbound))
                    }
            }
            .bind(host: "127.0.0.1", port: 0)
        // The value goes by a lock, since `get()` looks like a race to the thread sanitizer: see ValueContinuation.
        let server = NIOLockedValueBox<Result<any Channel, any Error>?>(nil)
        await withCheckedContinuation { continuation in
            binding.whenComplete { result in
                server.withLockedValue { $0 = result }
                continuation.resume()
            }
        }
        guard let server = try server.withLockedValue({ try $0?.get() }) else { throw ChannelError.eof }
        return FlakyProxy(server, open)
    }

    /// Resets every connection; returns how many there were.
    func breakAll() -> Int {
        let channels = open.withLockedValue { Array($0.values) }
        for channel in channels {
            // What is left unsent is thrown away: a reset rather than a goodbye.
            (channel as? any SocketOptionProvider)?.setSoLinger(linger(l_onoff: 1, l_linger: 0))
                .whenComplete { _ in channel.close(promise: nil) }
        }
        return channels.count
    }

    func stop() async {
        try? await server.close()
        _ = breakAll()
    }

    /// Passes bytes on, and reads more when they have left.
    private final class Glue: ChannelInboundHandler {
        typealias InboundIn = ByteBuffer

        private let other: any Channel

        init(to other: any Channel) {
            self.other = other
        }

        func handlerAdded(context: ChannelHandlerContext) {
            // A channel that is not active yet would forget that it was to read.
            if context.channel.isActive { context.read() }
        }

        func channelActive(context: ChannelHandlerContext) {
            context.read()
            context.fireChannelActive()
        }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            let channel = context.channel
            other.writeAndFlush(unwrapInboundIn(data)).whenSuccess { channel.read() }
        }

        func errorCaught(context: ChannelHandlerContext, error: any Error) {
            context.close(promise: nil)
        }
    }
}
