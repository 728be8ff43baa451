import NIOCore
import Testing

@testable import AMQP

@Suite struct Framing {
    private let scanner = FrameScanner(frameMax: 4096, channelMax: 10)

    private func scan(_ bytes: [UInt8]) throws(AMQPError) -> Int? {
        let result: Result<Int?, AMQPError> = bytes.withUnsafeBytes { bytes in
            Result { () throws(AMQPError) in try scanner.next(in: bytes)?.size }
        }
        return try result.get()
    }

    @Test func `a whole frame is found and a cut one awaited, at every length`() throws {
        let frame = BrokerBytes.frame(3, 1, [1, 2, 3, 4])
        for length in 0..<frame.count { #expect(try scan(Array(frame.prefix(length))) == nil) }
        #expect(try scan(frame + [9, 9]) == frame.count)
    }

    @Test(arguments: [0, 4, 5, 7, 9, 0x41, 255] as [UInt8]) func `an unknown kind is refused at its first byte`(
        kind: UInt8
    ) {
        #expect(throws: AMQPError.self) { try scan([kind]) }
    }

    @Test(
        arguments: [
            ("a body over the frame size", [3, 0, 1, 0, 0, 0x0F, 0xF9]),
            ("a length of 4 GiB", [3, 0, 1, 255, 255, 255, 255]),
            ("a channel over the maximum", [1, 0, 11, 0, 0, 0, 4]),
            ("a heartbeat with a channel", [8, 0, 1, 0, 0, 0, 0]),
            ("a heartbeat with a payload", [8, 0, 0, 0, 0, 0, 1]),
            ("a method without its number", [1, 0, 1, 0, 0, 0, 3]),
            ("an empty method", [1, 0, 1, 0, 0, 0, 0]),
            ("a header of 11 bytes", [2, 0, 1, 0, 0, 0, 11]),
            ("a header of 13 bytes", [2, 0, 1, 0, 0, 0, 13]),
            ("a header on channel 0", [2, 0, 0, 0, 0, 0, 20]),
            ("a body on channel 0", [3, 0, 0, 0, 0, 0, 1]),
        ] as [(String, [UInt8])])
    func `a head that lies is refused without waiting for the rest`(what: String, head: [UInt8]) {
        let error = #expect(throws: AMQPError.self, "\(what)") { try scan(head) }
        #expect(error?.code == .protocolViolation)
    }

    @Test func `a wrong end byte is refused`() {
        #expect(throws: AMQPError.self) { try scan([3, 0, 1, 0, 0, 0, 1, 7, 0xCD]) }
    }

    @Test func `a frame of exactly the negotiated size is taken, and a larger header frame`() throws {
        #expect(try scan(BrokerBytes.frame(3, 1, Array(repeating: 0, count: 4088))) == 4096)
        #expect(try scan(BrokerBytes.frame(2, 1, Array(repeating: 0, count: 4088 + 65_536))) == 4096 + 65_536)
        #expect(throws: AMQPError.self) { try scan([3, 0, 1] + BrokerBytes.bytes(UInt32(4089))) }
        #expect(throws: AMQPError.self) { try scan([2, 0, 1] + BrokerBytes.bytes(UInt32(4089 + 65_536))) }
    }

    @Test(arguments: [0, 1, 4087, 4088, 4089, 2 * 4088, 2 * 4088 + 1])
    func `a body is cut into frames of the negotiated size`(size: Int) throws {
        var writer = FrameWriter()
        writer.frameMax = 4096
        let body = (0..<size).map { UInt8(truncatingIfNeeded: $0 &* 31) }
        _ = try writer.write(.test(body), channel: 3)
        var bytes = Array(writer.batch.readableBytesView)
        var sizes: [Int] = []
        var collected: [UInt8] = []
        while let size = try scan(bytes) {
            #expect(size <= 4096)
            sizes.append(size)
            if bytes[0] == 3 { collected += bytes[7..<size - 1] }
            bytes.removeFirst(size)
        }
        #expect(bytes.isEmpty)
        #expect(collected == body)
        #expect(sizes.count == 2 + (size + 4087) / 4088)
    }

    @Test(
        arguments: [4096, 131_072, 1 << 20],
        [0, 1, 4087, 4088, 4089, 131_063, 131_064, 131_065, 262_128, 262_129, 1_000_000, 3_000_000])
    func `a body has the same frames in portions as in one, and its size was known`(frameMax: Int, size: Int) {
        let bytes = (0..<size).map { UInt8(truncatingIfNeeded: $0 &* 31) }
        var body = BodyFrames(bytes, channel: 3, frameMax: frameMax)
        var whole = ByteBuffer()
        var other = body
        other.writeAll(to: &whole)
        #expect(other.isWritten && other.byteCount == 0)
        #expect(body.byteCount == whole.readableBytes)
        var pieces = ByteBuffer()
        var portion = ByteBuffer()
        while !body.isWritten {
            let left = body.byteCount
            portion.clear()
            body.writeNext(to: &portion)
            #expect(portion.readableBytes == left - body.byteCount)
            #expect(portion.readableBytes <= max(BodyFrames.portion, frameMax))
            pieces.writeImmutableBuffer(portion)
        }
        let isSame = pieces == whole
        #expect(isSame)
    }

    @Test func `a message whose headers do not fit leaves the batch as it was`() throws {
        var writer = FrameWriter()
        writer.frameMax = 4096
        _ = try writer.write(.test(), channel: 1)
        let before = writer.batch
        var message = OutgoingMessage.test()
        message.properties.headers = ["k": .string(String(repeating: "x", count: 5000))]
        let error = #expect(throws: AMQPError.self) { try writer.write(message, channel: 1) }
        #expect(error?.code == .invalidArgument)
        #expect(writer.batch == before)
        // To the byte: what just fits is written, what just does not leaves no trace.
        for length in 4040...4096 {
            message.properties.headers = ["k": .string(String(repeating: "x", count: length))]
            let before = writer.batch
            do {
                _ = try writer.write(message, channel: 1)
                #expect(length <= 4096 - 8 - 12 - 2 - 4 - 2 - 5)
            } catch {
                #expect(writer.batch == before)
                #expect(length > 4096 - 8 - 12 - 2 - 4 - 2 - 5)
            }
        }
    }

    @Test func `a name of 256 bytes is refused and leaves the batch as it was`() throws {
        var writer = FrameWriter()
        writer.frameMax = 4096
        let long = String(repeating: "n", count: 256)
        for message in [OutgoingMessage.test(exchange: long), .test(key: long)] {
            #expect(throws: AMQPError.self) { try writer.write(message, channel: 1) }
        }
        #expect(throws: AMQPError.self) { try writer.write(.queuePurge(long), channel: 1) }
        #expect(writer.batch.readableBytes == 0)
        try writer.write(.queuePurge(String(repeating: "n", count: 255)), channel: 1)
        #expect(try scan(Array(writer.batch.readableBytesView)) != nil)
    }
}
