import Logging
import NIOCore
import NIOEmbedded
import Testing

@testable import AMQP

/// The handler between the state machine and a socket that breaks.
@Suite("The event loop's side") struct ConnectionHandlerTests {
    /// Counts writes; fails them, or keeps them, when told to.
    private final class Socket: ChannelOutboundHandler {
        typealias OutboundIn = ByteBuffer
        typealias OutboundOut = ByteBuffer
        var isBroken = false
        var isFull = false
        var writes = 0
        /// What was written and not taken.
        private(set) var kept: [(bytes: ByteBuffer, promise: EventLoopPromise<Void>?)] = []
        private(set) var taken: [UInt8] = []

        func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
            writes += 1
            guard !isBroken else { return promise?.fail(ChannelError.ioOnClosedChannel) ?? () }
            kept.append((unwrapOutboundIn(data), promise))
        }

        func flush(context: ChannelHandlerContext) {
            if !isFull { take() }
        }

        /// Takes what is kept at this moment.
        func take() {
            let now = kept
            kept = []
            for (bytes, promise) in now {
                taken += bytes.readableBytesView
                promise?.succeed()
            }
        }
    }

    /// A body that tells whether somebody else holds it too.
    private final class Body {
        private var bytes: [UInt8]

        init(_ size: Int) {
            bytes = [UInt8](repeating: 7, count: size)
        }

        func take() -> [UInt8] { bytes }

        /// Memory with two owners is replaced when it is written to.
        var isAlone: Bool {
            let before = bytes.withUnsafeBytes { $0.baseAddress }
            bytes[0] &+= 1
            return bytes.withUnsafeBytes { $0.baseAddress } == before
        }
    }

    private struct Fixture {
        let channel = EmbeddedChannel()
        let core: ConnectionCore
        let socket = Socket()
        let id: ChannelID

        /// A connection with a channel that has confirms.
        init() throws {
            let opened = Recorder<Result<Void, AMQPError>>()
            core = ConnectionCore(
                ConnectionMachine(
                    configuration: AMQPConfiguration(hosts: [.init(name: "test")]), openWaiter: opened.waiter),
                eventLoop: channel.embeddedEventLoop, logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
            let handler = ConnectionHandler(core: core, host: .init(name: "test"), tls: nil)
            core.attach(handler)
            try channel.pipeline.syncOperations.addHandlers(socket, handler)
            try channel.connect(to: SocketAddress(ipAddress: "127.0.0.1", port: 5672)).wait()
            for bytes in [BrokerBytes.start(), BrokerBytes.tune(), BrokerBytes.openOK] {
                try channel.writeInbound(ByteBuffer(bytes: bytes))
            }
            #expect(opened.values.count == 1)
            let reply = Recorder<Result<Reply, AMQPError>>()
            let opening = core.perform {
                $0.openChannel(
                    confirms: true, id: WaiterID.next(), reply.waiter, deadline: .now() + .seconds(30),
                    isCancelled: false)
            }
            id = try #require(opening)
            channel.embeddedEventLoop.run()
            try channel.writeInbound(
                ByteBuffer(bytes: BrokerBytes.channelOpenOK(id.number) + BrokerBytes.confirmSelectOK(id.number)))
            #expect(reply.values.count == 1)
        }

        func publish(_ message: OutgoingMessage) -> Recorder<AMQPError?> {
            let outcome = Recorder<AMQPError?>()
            let waiter = PublishWaiter(id: WaiterID.next(), target: .closure { outcome.record($0) })
            core.perform { [id] in $0.publish(message, on: id, waiter, deadline: nil, isCancelled: false) }
            channel.embeddedEventLoop.run()
            return outcome
        }
    }

    @Test func `a failed write ends the writing, and what waits is told when the socket is gone`() throws {
        let test = try Fixture()
        let (channel, socket) = (test.channel, test.socket)
        socket.isBroken = true
        let before = socket.writes
        let outcomes = (0..<5).map { _ in test.publish(.test()) }
        #expect(socket.writes == before + 1)
        #expect(outcomes.allSatisfy { $0.values.isEmpty })
        channel.pipeline.fireChannelInactive()
        #expect(outcomes.allSatisfy { $0.values.map { $0?.code } == [.connectionClosed] })
        #expect(socket.writes == before + 1)
        _ = try? channel.finish()
    }

    @Test func `a large body is written in portions, each when the one before was taken`() throws {
        let test = try Fixture()
        let socket = test.socket
        let before = socket.taken.count
        let body = (0..<2_000_000).map { UInt8(truncatingIfNeeded: $0 &* 31) }
        var expected = FrameWriter()
        expected.frameMax = 131_072
        socket.isFull = true
        let messages = [.test([1]), .test(body), .test([2]), .test(body), .test([3])] as [OutgoingMessage]
        for message in messages {
            _ = try expected.write(message, channel: test.id.number)
            _ = test.publish(message)
        }
        var takes = 0
        while !socket.kept.isEmpty {
            #expect(socket.kept.reduce(0) { $0 + $1.bytes.readableBytes } < BodyFrames.portion + 1000)
            socket.take()
            test.channel.embeddedEventLoop.run()
            takes += 1
        }
        #expect(takes >= 16)
        let isSame = socket.taken[before...].elementsEqual(expected.take().flatMap { $0.bytes.readableBytesView })
        #expect(isSame)
        // All at once from a socket that takes everything.
        socket.isFull = false
        let half = socket.taken.count
        _ = test.publish(.test(body))
        #expect(socket.taken.count - half > body.count)
        _ = try? test.channel.finish()
    }

    @Test func `what was written is let go of`() throws {
        let test = try Fixture()
        var spare: UnsafeRawPointer?
        for size in [100_000, 20_000, 600_000] {
            let body = Body(size)
            _ = test.publish(.test(body.take()))
            #expect(body.isAlone, "\(size) bytes")
        }
        // A batch of small messages is memory for the next one.
        for _ in 0..<3 {
            var batch = PublicationBatch(using: test.core.spare(100_000), count: 8)
            let memory = batch.bytes.withVeryUnsafeBytes { $0.baseAddress }
            if let spare { #expect(memory == spare) }
            spare = memory
            for _ in 0..<4 {
                try batch.append(
                    .test([UInt8](repeating: 1, count: 20_000)), on: test.id, frameMax: 131_072,
                    isReturnKeyNeeded: false, PublishWaiter(id: 1, target: .closure { _ in }), deadline: nil)
            }
            _ = test.core.publish(batch, isCancelled: false)
            batch = PublicationBatch()
            test.channel.embeddedEventLoop.run()
        }
        _ = try? test.channel.finish()
    }

    @Test func `a connection that ends while it writes is closed when what is written was taken`() throws {
        let test = try Fixture()
        test.socket.isFull = true
        let outcome = test.publish(.test([UInt8](repeating: 1, count: 600_000)))
        try test.channel.writeInbound(ByteBuffer(bytes: BrokerBytes.close(320, "CONNECTION_FORCED")))
        #expect(outcome.values.map { $0?.code } == [.connectionClosed])
        var takes = 0
        while test.channel.isActive, takes < 10 {
            test.socket.take()
            test.channel.embeddedEventLoop.run()
            takes += 1
        }
        #expect(takes == 4, "three portions and the close-ok")
        #expect(test.socket.taken.suffix(12) == [1, 0, 0, 0, 0, 0, 4, 0, 10, 0, 51, 206])
        _ = try? test.channel.finish()
    }
}
