import NIOCore

/// A part of what is to be sent, with memory of its own.
enum FramePart: Sendable {
    case frames(ByteBuffer)
    case body(BodyFrames)

    /// How many bytes it is on the wire.
    var byteCount: Int {
        switch self {
        case .frames(let frames): frames.readableBytes
        case .body(let body): body.byteCount
        }
    }

    /// Its bytes.
    var bytes: ByteBuffer {
        switch self {
        case .frames(let frames): return frames
        case .body(var body):
            var buffer = ByteBuffer()
            body.writeAll(to: &buffer)
            return buffer
        }
    }
}

/// A body on its way into frames (AMQP 0-9-1 §4.2.6.2).
///
/// Until the socket takes them it is where its owner has it: what waits takes no memory twice. And it is copied in
/// portions that stay in the processor's cache until the kernel copies them.
struct BodyFrames: Sendable {
    /// About how many bytes a portion has.
    static let portion = 262_144

    private let body: [UInt8]
    private let channel: UInt16
    /// The most of the body that one frame holds.
    private let most: Int
    /// How much of it is in frames.
    private var offset = 0

    init(_ body: [UInt8], channel: UInt16, frameMax: Int) {
        self.body = body
        self.channel = channel
        most = frameMax - FrameScanner.overhead
    }

    var isWritten: Bool { offset == body.count }

    /// How many bytes the frames have that are not written.
    var byteCount: Int {
        let count = body.count - offset
        return count + (count + most - 1) / most * FrameScanner.overhead
    }

    /// Writes the frames of the next portion behind what is in the buffer, at least one.
    mutating func writeNext(to buffer: inout ByteBuffer) {
        write(to: &buffer, frames: max(1, Self.portion / (most + FrameScanner.overhead)))
    }

    /// Writes all frames behind what is in the buffer.
    mutating func writeAll(to buffer: inout ByteBuffer) {
        write(to: &buffer, frames: .max)
    }

    private mutating func write(to buffer: inout ByteBuffer, frames: Int) {
        let end = (body.count - offset) / most < frames ? body.count : offset + frames * most
        if end - offset > most {
            buffer.reserveCapacity(
                minimumWritableBytes: end - offset + ((end - offset) / most + 1) * FrameScanner.overhead)
        }
        body.withUnsafeBytes { body in
            while offset < end {
                let part = UnsafeRawBufferPointer(rebasing: body[offset..<min(offset + most, end)])
                buffer.writeWithUnsafeMutableBytes(minimumWritableBytes: part.count + FrameScanner.overhead) { bytes in
                    FrameWriter.frame(.body, channel, part.count, bytes)
                    UnsafeMutableRawBufferPointer(rebasing: bytes[7..<7 + part.count]).copyMemory(from: part)
                    return part.count + FrameScanner.overhead
                }
                offset += part.count
            }
        }
    }
}
