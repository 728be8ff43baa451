import NIOConcurrencyHelpers
import NIOCore

@testable import AMQP

/// One connection of a scripted broker.
final class ScriptedBrokerHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    private let script: Reaction.Script
    private let connection: Int
    private let received: Recorder<ScriptedBroker.Method>
    private let calls: Recorder<ReceivedCall>
    private let byteCount: NIOLockedValueBox<Int>
    private let floodedBytes: NIOLockedValueBox<Int>
    private let bytesPerWrite: Int?
    private var held = ByteBuffer()
    private var isGreeted = false
    private var published: [UInt16: UInt64] = [:]

    init(
        _ script: @escaping Reaction.Script, connection: Int, _ received: Recorder<ScriptedBroker.Method>,
        _ calls: Recorder<ReceivedCall>, _ byteCount: NIOLockedValueBox<Int>,
        _ floodedBytes: NIOLockedValueBox<Int>, bytesPerWrite: Int?
    ) {
        self.bytesPerWrite = bytesPerWrite
        self.script = script
        self.connection = connection
        self.received = received
        self.calls = calls
        self.byteCount = byteCount
        self.floodedBytes = floodedBytes
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        var bytes = unwrapInboundIn(data)
        byteCount.withLockedValue { $0 += bytes.readableBytes }
        held.writeBuffer(&bytes)
        if !isGreeted, held.readSlice(length: 8) != nil {
            isGreeted = true
            answer(ScriptedBroker.Method(channel: 0, classID: 0, methodID: 0), [], context)
        }
        while isGreeted, let length: UInt32 = held.getInteger(at: held.readerIndex + 3),
            var frame = held.readSlice(length: Int(length) + 8), let head = frame.readBytes(length: 7)
        {
            guard head[0] == 1, let classID: UInt16 = frame.readInteger(), let methodID: UInt16 = frame.readInteger()
            else { continue }
            let method = ScriptedBroker.Method(
                channel: UInt16(head[1]) << 8 | UInt16(head[2]), classID: classID, methodID: methodID)
            answer(method, Array(frame.readableBytesView.dropLast()), context)
        }
        held.discardReadBytes()
    }

    private func answer(_ method: ScriptedBroker.Method, _ arguments: [UInt8], _ context: ChannelHandlerContext) {
        var call = ReceivedCall(method: method, arguments: arguments, connection: connection)
        switch (method.classID, method.methodID) {
        case (20, 10): published[method.channel] = nil
        case (85, 10): published[method.channel] = 0
        case (60, 40):
            published[method.channel]? += 1
            call.publishNumber = published[method.channel] ?? 0
        default: break
        }
        received.record(method)
        calls.record(call)
        react(script(call), context)
    }

    private func react(_ reaction: Reaction, _ context: ChannelHandlerContext) {
        switch reaction {
        case .send(let bytes):
            var rest = bytes[...]
            while !rest.isEmpty {
                let part = rest.prefix(bytesPerWrite ?? rest.count)
                context.writeAndFlush(NIOAny(ByteBuffer(bytes: part)), promise: nil)
                rest = rest.dropFirst(part.count)
            }
        case .drip(let bytes):
            for byte in bytes { context.writeAndFlush(NIOAny(ByteBuffer(bytes: [byte])), promise: nil) }
        case .sendAndHangUp(let bytes):
            let channel = context.channel
            context.writeAndFlush(NIOAny(ByteBuffer(bytes: bytes))).whenComplete { _ in channel.close(promise: nil) }
        case .flood(let bytes, let times): flood(context.channel, times) { _ in ByteBuffer(bytes: bytes) }
        case .floodAfter(let first, let bytes, let times):
            context.writeAndFlush(NIOAny(ByteBuffer(bytes: first)), promise: nil)
            flood(context.channel, times) { _ in ByteBuffer(bytes: bytes) }
        case .floodOfDeliveries(let count, let tag, let body):
            flood(context.channel, count) { number in
                ByteBuffer(bytes: BrokerBytes.deliver(1, tag: tag, UInt64(number), body: body))
            }
        case .floodWithoutReading(let bytes, let times):
            let flooding = NIOLoopBound(self, eventLoop: context.eventLoop)
            context.channel.setOption(.autoRead, value: false).whenComplete { [channel = context.channel] _ in
                flooding.value.flood(channel, times) { _ in ByteBuffer(bytes: bytes) }
            }
        }
    }

    /// The next write begins when the network has taken the last, so that the flood is not in our own memory.
    private func flood(
        _ channel: any Channel, _ times: Int, number: Int = 1, _ bytes: @escaping @Sendable (Int) -> ByteBuffer
    ) {
        guard number <= times else { return }
        let next = NIOLoopBound(self, eventLoop: channel.eventLoop)
        let wave = bytes(number)
        let size = wave.readableBytes
        channel.writeAndFlush(wave).whenSuccess {
            next.value.floodedBytes.withLockedValue { $0 += size }
            channel.eventLoop.execute { next.value.flood(channel, times, number: number + 1, bytes) }
        }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        context.close(promise: nil)
    }
}
