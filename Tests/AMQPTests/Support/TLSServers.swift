import NIOConcurrencyHelpers
import NIOCore
import NIOPosix
import NIOSSL

@testable import AMQP

extension CertificateWorkshop.Identity {
    /// What a server needs to show this certificate, or the chain of a file.
    func serverContext(
        chain: String? = nil, _ change: (inout TLSConfiguration) -> Void = { _ in }
    ) throws -> NIOSSLContext {
        var configuration = TLSConfiguration.makeServerConfiguration(
            certificateChain: try NIOSSLCertificate.fromPEMFile(chain ?? certificateFile).map { .certificate($0) },
            privateKey: .privateKey(try NIOSSLPrivateKey(file: keyFile, format: .pem)))
        change(&configuration)
        return try NIOSSLContext(configuration: configuration)
    }
}

/// Runs a test with a server that does one thing whenever it gets bytes, and keeps them.
func withRawServer<R>(
    _ answer: @escaping @Sendable (any Channel) -> Void,
    _ body: (_ port: Int, _ received: Recorder<[UInt8]>) async throws -> R
) async throws -> R {
    let received = Recorder<[UInt8]>()
    let clients = NIOLockedValueBox<[any Channel]>([])
    let server = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
        .childChannelInitializer { channel in
            clients.withLockedValue { $0.append(channel) }
            return channel.eventLoop.makeCompletedFuture {
                try channel.pipeline.syncOperations.addHandler(RawHandler(answer, received))
            }
        }
        .bind(host: "127.0.0.1", port: 0).get()
    func stop() async {
        for client in clients.withLockedValue({ $0 }) { client.close(promise: nil) }
        try? await server.close()
    }
    do {
        let result = try await body(server.localAddress?.port ?? 0, received)
        await stop()
        return result
    } catch {
        await stop()
        throw error
    }
}

private final class RawHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    private let answer: @Sendable (any Channel) -> Void
    private let received: Recorder<[UInt8]>

    init(_ answer: @escaping @Sendable (any Channel) -> Void, _ received: Recorder<[UInt8]>) {
        self.answer = answer
        self.received = received
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        received.record(Array(buffer: unwrapInboundIn(data)))
        answer(context.channel)
    }
}
