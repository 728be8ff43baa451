import CRabbitMQ
import NIOCore

/// Encodes whole methods and messages into a batch of bytes to send.
///
/// Every call is atomic: what cannot be encoded leaves the batch as it was.
struct FrameWriter: Sendable {
    /// Frames that come to so many bytes are sent from where they are instead of being copied to others.
    static let large = 32_768
    /// A body of so many bytes is put into frames when the socket takes them, see ``BodyFrames``.
    ///
    /// A smaller one is copied with its head.
    static let framedLate = large...

    /// What comes before the batch, each from its own memory.
    private var before: [FramePart] = []
    private var bytesBefore = 0
    /// The batch.
    private(set) var batch = ByteBuffer()
    /// The negotiated frame size.
    var frameMax = Int(CodecLimits.minimumFrameMax)
    /// Whether the goodbye was said: no method may follow it, and none is written.
    var isSealed = false

    init() {}

    /// Goes on behind the bytes of a batch.
    init(appendingTo batch: consuming ByteBuffer, frameMax: Int) {
        self.batch = batch
        self.frameMax = frameMax
    }

    /// How many bytes there are to send.
    var byteCount: Int { bytesBefore + batch.readableBytes }

    /// Takes everything there is to send, in its order; leaves nothing.
    mutating func take() -> [FramePart] {
        closeBatch()
        defer { (before, bytesBefore) = ([], 0) }
        return before
    }

    private mutating func closeBatch() {
        guard batch.readableBytes > 0 else { return }
        bytesBefore += batch.readableBytes
        before.append(.frames(batch))
        batch = ByteBuffer()
    }

    /// Appends whole frames that were encoded elsewhere.
    mutating func append(_ frames: ByteBuffer) {
        if frames.readableBytes >= Self.large {
            closeBatch()
            bytesBefore += frames.readableBytes
            before.append(.frames(frames))
        } else if batch.readableBytes == 0 {
            batch = frames
        } else {
            batch.writeImmutableBuffer(frames)
        }
    }

    /// Appends a body whose head was appended before.
    mutating func append(_ body: [UInt8], channel: UInt16) {
        closeBatch()
        let body = BodyFrames(body, channel: channel, frameMax: frameMax)
        bytesBefore += body.byteCount
        before.append(.body(body))
    }

    mutating func writeProtocolHeader() {
        batch.writeBytes([0x41, 0x4D, 0x51, 0x50, 0, 0, 9, 1])
    }

    mutating func writeHeartbeat() {
        batch.writeBytes([8, 0, 0, 0, 0, 0, 0, FrameScanner.end])
    }

    mutating func write(_ method: OutboundMethod, channel: UInt16) throws(AMQPError) {
        guard !isSealed else { return }
        let measure = try method.measure()
        let most = frameMax - FrameScanner.overhead - 4
        guard measure.encoded - 48 <= most else { throw Self.tooBig("the method's arguments", measure.encoded, most) }
        let room = min(measure.encoded, most)
        let start = batch.writerIndex
        let written = batch.writeWithUnsafeMutableBytes(minimumWritableBytes: room + 12) { bytes in
            withUnsafeTemporaryAllocation(byteCount: measure.scratch + 64, alignment: 16) { memory in
                var scratch = Scratch(memory)
                let target = UnsafeMutableRawBufferPointer(rebasing: bytes[11..<11 + room])
                guard let (number, count) = method.encode(into: target, scratch: &scratch) else { return 0 }
                Self.frame(.method, channel, count + 4, bytes)
                bytes.storeBytes(of: number.bigEndian, toByteOffset: 7, as: UInt32.self)
                return count + 12
            }
        }
        guard written > 0 else {
            batch.moveWriterIndex(to: start)
            throw AMQPError(.invalidArgument, "the method cannot be encoded")
        }
    }

    /// Writes a message: publish method, content header, body frames unless its body follows later.
    ///
    /// Returns the range of its encoded properties.
    mutating func write(
        _ message: OutgoingMessage, channel: UInt16, isBodyLate: Bool = false
    ) throws(AMQPError) -> Range<Int> {
        let measure = try message.properties.measure()
        let most = frameMax - FrameScanner.overhead - 12
        // The measure counts fields that may be unset, by at most ten bytes.
        guard measure.encoded - 10 <= most else { throw Self.tooBig("the message's headers", measure.encoded, most) }
        let start = batch.writerIndex
        try write(
            .basicPublish(
                exchange: message.exchange, routingKey: message.routingKey, mandatory: message.mandatory),
            channel: channel)
        let header = batch.writerIndex
        let room = min(measure.encoded, most)
        let size = UInt64(message.body.count)
        let written = batch.writeWithUnsafeMutableBytes(minimumWritableBytes: room + 20) { bytes in
            withUnsafeTemporaryAllocation(byteCount: measure.scratch + 64, alignment: 16) { memory in
                var scratch = Scratch(memory)
                let target = UnsafeMutableRawBufferPointer(rebasing: bytes[19..<19 + room])
                guard let count = message.properties.encode(into: target, scratch: &scratch) else { return 0 }
                Self.frame(.header, channel, count + 12, bytes)
                bytes.storeBytes(of: UInt16(AMQP_BASIC_CLASS).bigEndian, toByteOffset: 7, as: UInt16.self)
                bytes.storeBytes(of: 0, toByteOffset: 9, as: UInt16.self)
                bytes.storeBytes(of: size.bigEndian, toByteOffset: 11, as: UInt64.self)
                return count + 20
            }
        }
        guard written > 0 else {
            batch.moveWriterIndex(to: start)
            throw Self.tooBig("the message's headers", measure.encoded, most)
        }
        if !isBodyLate {
            var body = BodyFrames(message.body, channel: channel, frameMax: frameMax)
            body.writeAll(to: &batch)
        }
        return header + 19..<header + written - 1
    }

    /// Writes head and end of a frame around a payload of `length` bytes at offset 7.
    static func frame(
        _ kind: Frame.Kind, _ channel: UInt16, _ length: Int, _ bytes: UnsafeMutableRawBufferPointer
    ) {
        bytes[0] = kind.rawValue
        bytes.storeBytes(of: channel.bigEndian, toByteOffset: 1, as: UInt16.self)
        bytes.storeBytes(of: UInt32(length).bigEndian, toByteOffset: 3, as: UInt32.self)
        bytes[7 + length] = FrameScanner.end
    }

    private static func tooBig(_ what: String, _ size: Int, _ most: Int) -> AMQPError {
        AMQPError(.invalidArgument, "\(what) take \(size) bytes; one frame holds \(most)")
    }
}
