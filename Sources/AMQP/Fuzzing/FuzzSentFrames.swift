import CRabbitMQ

/// What we have sent, checked as a strict broker would.
///
/// Frames are whole and within the negotiated size, a message's frames follow one another, nothing but close-ok comes
/// after a close, and channel 0 carries only the connection's methods.
struct FuzzSentFrames: Sendable {
    private let scanner: FrameScanner
    private var isGreeted = false
    private var isClosed = false
    private var closedChannels: Set<UInt16> = []
    /// What the frame after a publish or a content header must be: header (`nil`), or so many more bytes of body.
    private var content: (channel: UInt16, remaining: UInt64?)?

    init(frameMax: Int) {
        scanner = FrameScanner(frameMax: frameMax, channelMax: .max)
    }

    mutating func add(_ bytes: UnsafeRawBufferPointer) throws(FuzzFinding) {
        var offset = 0
        if !isGreeted {
            guard bytes.starts(with: [0x41, 0x4D, 0x51, 0x50, 0, 0, 9, 1]) else {
                throw FuzzFinding("the first bytes are no protocol header")
            }
            isGreeted = true
            offset = 8
        }
        while offset < bytes.count {
            let frame: Frame?
            do {
                frame = try scanner.next(in: UnsafeRawBufferPointer(rebasing: bytes[offset...]))
            } catch {
                throw FuzzFinding("we sent a bad frame: \(error)")
            }
            guard let frame else { throw FuzzFinding("a batch ends inside a frame") }
            guard frame.size <= scanner.frameMax else { throw FuzzFinding("we sent a frame of \(frame.size) bytes") }
            try add(frame)
            offset += frame.size
        }
    }

    private mutating func add(_ frame: Frame) throws(FuzzFinding) {
        if frame.kind == .heartbeat { return }
        if let content {
            guard frame.channel == content.channel, frame.kind == (content.remaining == nil ? .header : .body) else {
                throw FuzzFinding("we sent a \(frame.kind) frame inside a message")
            }
        } else if frame.kind != .method {
            throw FuzzFinding("we sent a \(frame.kind) frame outside of a message")
        }
        switch frame.kind {
        case .heartbeat: break
        case .method: try addMethod(frame)
        case .header:
            let size = UInt64(bigEndian: frame.payload.loadUnaligned(fromByteOffset: 4, as: UInt64.self))
            content = size == 0 ? nil : (frame.channel, size)
        case .body:
            let rest = content?.remaining ?? 0
            guard !frame.payload.isEmpty, UInt64(frame.payload.count) <= rest else {
                throw FuzzFinding("we sent a body of another length than its header says")
            }
            content = rest == UInt64(frame.payload.count) ? nil : (frame.channel, rest - UInt64(frame.payload.count))
        }
    }

    private mutating func addMethod(_ frame: Frame) throws(FuzzFinding) {
        let number = UInt32(bigEndian: frame.payload.loadUnaligned(as: UInt32.self))
        let name = amqp_method_name(number).map { String(cString: $0) } ?? "\(number)"
        let pool = DecodingPool()
        var decoded: UnsafeMutableRawPointer?
        let arguments = UnsafeRawBufferPointer(rebasing: frame.payload[4...])
        guard amqp_decode_method(number, pool.pointer, amqp_bytes_t(borrowing: arguments), &decoded) == 0 else {
            throw FuzzFinding("\(name) that we sent cannot be decoded")
        }
        _ = consume pool
        guard (number >> 16 == 10) == (frame.channel == 0) else {
            throw FuzzFinding("we sent \(name) on channel \(frame.channel)")
        }
        switch number {
        case AMQP_CONNECTION_CLOSE_OK_METHOD: isClosed = true
        case AMQP_CONNECTION_CLOSE_METHOD:
            guard !isClosed else { throw FuzzFinding("we sent \(name) after the end") }
            isClosed = true
        case AMQP_CHANNEL_CLOSE_OK_METHOD: closedChannels.insert(frame.channel)
        case AMQP_CHANNEL_CLOSE_METHOD:
            guard !isClosed, closedChannels.insert(frame.channel).inserted else {
                throw FuzzFinding("we sent \(name) on channel \(frame.channel) after the end")
            }
        case AMQP_CHANNEL_OPEN_METHOD: closedChannels.remove(frame.channel)
        default:
            guard !isClosed, !closedChannels.contains(frame.channel) else {
                throw FuzzFinding("we sent \(name) on channel \(frame.channel) after its end")
            }
            if number == AMQP_BASIC_PUBLISH_METHOD { content = (frame.channel, nil) }
        }
    }
}
