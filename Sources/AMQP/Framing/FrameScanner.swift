/// A frame in the network's memory.
struct Frame {
    enum Kind: UInt8 {
        case method = 1
        case header = 2
        case body = 3
        case heartbeat = 8
    }

    var kind: Kind
    var channel: UInt16
    var payload: UnsafeRawBufferPointer
    /// How many bytes the frame takes, envelope included.
    var size: Int
}

extension Frame {
    /// What a frame says of itself before its payload.
    struct Head: Sendable {
        /// How many bytes it takes.
        static let size = 7

        var kind: Kind
        var channel: UInt16
        /// How many bytes the payload has.
        var length: Int
    }
}

/// Finds frames in received bytes and refuses what cannot be one (AMQP 0-9-1 §2.3.5).
struct FrameScanner: Sendable {
    /// Bytes around every payload: kind, channel, length; end byte.
    static let overhead = 8
    static let end: UInt8 = 0xCE

    /// The negotiated size; the specification's minimum does not bind the broker before that.
    var frameMax: Int
    var channelMax: UInt16

    /// The first frame of `bytes`, or `nil` if it has not arrived whole.
    ///
    /// The head alone is enough to refuse a frame, so a lie about the length never makes us wait for it.
    func next(in bytes: UnsafeRawBufferPointer) throws(AMQPError) -> Frame? {
        guard let head = try head(in: bytes) else { return nil }
        let size = head.length + Self.overhead
        guard bytes.count >= size else { return nil }
        try check(end: bytes[size - 1], of: head)
        return Frame(
            kind: head.kind, channel: head.channel,
            payload: UnsafeRawBufferPointer(rebasing: bytes[Frame.Head.size..<size - 1]), size: size)
    }

    /// The head of the first frame of `bytes`, or `nil` if that has not arrived whole.
    func head(in bytes: UnsafeRawBufferPointer) throws(AMQPError) -> Frame.Head? {
        guard let first = bytes.first else { return nil }
        guard let kind = Frame.Kind(rawValue: first) else {
            throw Self.violation("a frame of unknown kind \(first)")
        }
        guard bytes.count >= Frame.Head.size else { return nil }
        let channel = UInt16(bigEndian: bytes.loadUnaligned(fromByteOffset: 1, as: UInt16.self))
        let length = Int(UInt32(bigEndian: bytes.loadUnaligned(fromByteOffset: 3, as: UInt32.self)))
        try check(kind, channel, length)
        return Frame.Head(kind: kind, channel: channel, length: length)
    }

    /// Refuses a frame that does not end as a frame.
    func check(end: UInt8, of head: Frame.Head) throws(AMQPError) {
        guard end == Self.end else {
            throw Self.violation(
                "a \(head.kind) frame of \(head.length) bytes on channel \(head.channel) that ends with \(end), not with 206"
            )
        }
    }

    /// How many more bytes complete the head of the frame that begins with `bytes` or, where there is one, the frame.
    static func missing(after bytes: UnsafeRawBufferPointer) -> Int {
        guard bytes.count >= Frame.Head.size else { return Frame.Head.size - bytes.count }
        let length = Int(UInt32(bigEndian: bytes.loadUnaligned(fromByteOffset: 3, as: UInt32.self)))
        return max(0, length + overhead - bytes.count)
    }

    private func check(_ kind: Frame.Kind, _ channel: UInt16, _ length: Int) throws(AMQPError) {
        let excess = kind == .header ? CodecLimits.headerExcess : 0
        guard length + Self.overhead <= frameMax + excess else {
            throw Self.violation(
                "a \(kind) frame of \(length) bytes on channel \(channel), above the negotiated \(frameMax)")
        }
        guard channel <= channelMax else {
            throw Self.violation(
                "a \(kind) frame on channel \(channel), above the negotiated \(channelMax)", code: 504)
        }
        switch kind {
        case .heartbeat:
            guard channel == 0, length == 0 else {
                throw Self.violation("a heartbeat of \(length) bytes on channel \(channel), not an empty one on 0")
            }
        case .method:
            guard length >= 4 else { throw Self.tooShort(kind, channel, length) }
        case .header:
            guard length >= 14 else { throw Self.tooShort(kind, channel, length) }
            guard channel > 0 else { throw Self.violation("a content header on channel 0") }
        case .body:
            guard channel > 0 else { throw Self.violation("a content body on channel 0") }
        }
    }

    private static func tooShort(_ kind: Frame.Kind, _ channel: UInt16, _ length: Int) -> AMQPError {
        violation("a \(kind) frame of \(length) bytes on channel \(channel), too short to be one")
    }

    private static func violation(_ what: String, code: UInt16 = 501) -> AMQPError {
        AMQPError(.protocolViolation, "the broker sent \(what)", replyCode: code)
    }
}
