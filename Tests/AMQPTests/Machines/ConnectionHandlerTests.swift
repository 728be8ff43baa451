import NIOCore
import NIOEmbedded
import TestSupport
import Testing

@testable import AMQP

/// The handler between the state machine and a socket that breaks.
@Suite("The event loop's side") struct ConnectionHandlerTests {
    /// Counts writes, and fails them when told to.
    private final class Socket: ChannelOutboundHandler {
        typealias OutboundIn = ByteBuffer
        typealias OutboundOut = ByteBuffer
        var isBroken = false
        var writes = 0

        func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
            writes += 1
            if isBroken { promise?.fail(ChannelError.ioOnClosedChannel) } else { context.write(data, promise: promise) }
        }
    }

    @Test func `a failed write ends the writing, and what waits is told when the socket is gone`() throws {
        let opened = Recorder<Result<Void, AMQPError>>()
        let channel = EmbeddedChannel()
        let core = ConnectionCore(
            ConnectionMachine(
                configuration: AMQPConfiguration(hosts: [.init(name: "test")]), openWaiter: opened.waiter),
            eventLoop: channel.embeddedEventLoop, logger: quietLogger)
        let handler = ConnectionHandler(core: core, host: .init(name: "test"), tls: nil)
        core.attach(handler)
        let socket = Socket()
        try channel.pipeline.syncOperations.addHandlers(socket, handler)
        try channel.connect(to: SocketAddress(ipAddress: "127.0.0.1", port: 5672)).wait()
        for bytes in [BrokerBytes.start(), BrokerBytes.tune(), BrokerBytes.openOK] {
            try channel.writeInbound(ByteBuffer(bytes: bytes))
        }
        #expect(opened.values.count == 1)
        let reply = Recorder<Result<Reply, AMQPError>>()
        let opening = core.perform {
            $0.openChannel(
                confirms: true, id: WaiterID.next(), reply.waiter, deadline: .now() + .seconds(30), isCancelled: false)
        }
        let id = try #require(opening)
        channel.embeddedEventLoop.run()
        try channel.writeInbound(
            ByteBuffer(bytes: BrokerBytes.channelOpenOK(id.number) + BrokerBytes.confirmSelectOK(id.number)))
        #expect(reply.values.count == 1)

        socket.isBroken = true
        let before = socket.writes
        let outcomes = (0..<5).map { _ in
            let outcome = Recorder<AMQPError?>()
            let waiter = PublishWaiter(id: WaiterID.next(), target: .closure { outcome.record($0) })
            core.perform { $0.publish(.test(), on: id, waiter, deadline: nil, isCancelled: false) }
            channel.embeddedEventLoop.run()
            return outcome
        }
        #expect(socket.writes == before + 1)
        #expect(outcomes.allSatisfy { $0.values.isEmpty })
        channel.pipeline.fireChannelInactive()
        #expect(outcomes.allSatisfy { $0.values.map { $0?.code } == [.connectionClosed] })
        #expect(socket.writes == before + 1)
        _ = try? channel.finish()
    }
}
