import NIOCore
import NIOSSL

/// Connects an `SMTPSession` to a channel.
///
/// While a message is being written nothing more is read.
final class SMTPHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private var session: SMTPSession
    private let tls: NIOSSLContext?
    private let keep: @Sendable (SMTPEnvelope, any EventLoop) -> EventLoopFuture<SMTPReply>

    init(
        session: SMTPSession, tls: NIOSSLContext?,
        keep: @escaping @Sendable (SMTPEnvelope, any EventLoop) -> EventLoopFuture<SMTPReply>
    ) {
        self.session = session
        self.tls = tls
        self.keep = keep
    }

    func channelActive(context: ChannelHandlerContext) {
        write(session.greeting, context)
        context.flush()
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let bytes = unwrapInboundIn(data)
        perform(session.receive(bytes.readableBytesView), context)
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        guard event is IdleStateHandler.IdleStateEvent else { return context.fireUserInboundEventTriggered(event) }
        perform([.reply(.idle), .close], context)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        context.close(promise: nil)
    }

    private func perform(_ actions: [SMTPSession.Action], _ context: ChannelHandlerContext) {
        for action in actions {
            switch action {
            case .reply(let reply): write(reply, context)
            case .store(let envelope): store(envelope, context)
            case .startTLS: startTLS(context)
            case .close:
                // The farewell is written before the connection closes, whether the client reads it or not.
                context.writeAndFlush(wrapOutboundOut(ByteBuffer())).assumeIsolated().whenComplete { _ in
                    context.close(promise: nil)
                }
            }
        }
        context.flush()
    }

    private func write(_ reply: SMTPReply, _ context: ChannelHandlerContext) {
        context.write(wrapOutboundOut(ByteBuffer(string: reply.wire)), promise: nil)
    }

    private func store(_ envelope: SMTPEnvelope, _ context: ChannelHandlerContext) {
        context.channel.setOption(.autoRead, value: false).whenFailure { _ in }
        keep(envelope, context.eventLoop).assumeIsolated().whenSuccess { [self] reply in
            guard context.channel.isActive else { return }
            perform(session.stored(reply), context)
            context.channel.setOption(.autoRead, value: true).whenFailure { _ in }
        }
    }

    /// The reply before this goes out in the clear, and nothing is read between it and the handshake.
    private func startTLS(_ context: ChannelHandlerContext) {
        context.flush()
        do {
            guard let tls else { throw ChannelError.ioOnClosedChannel }
            try context.pipeline.syncOperations.addHandler(NIOSSLServerHandler(context: tls), position: .first)
            session.secured()
        } catch {
            context.close(promise: nil)
        }
    }
}
