import NIOCore

/// Messages on their way to the event loop: encoded, in order, each with whoever waits for it.
///
/// Encoding needs nothing but the channel's number and the frame size, so it is done by the task that publishes, with
/// no lock held.
struct PublicationBatch: Sendable {
    struct Publication: Sendable {
        var channel: ChannelID
        /// How many of the batch's bytes are this message's frames.
        var byteCount: Int
        /// The body, if it is not among them.
        var body: [UInt8]?
        /// Set when the broker may return the message.
        var key: ReturnKey?
        var waiter: PublishWaiter
        var deadline: NIODeadline?
    }

    /// The messages before the last ones, in memory of their own: too many bytes to be copied.
    private(set) var full: [ByteBuffer] = []
    private(set) var bytes = ByteBuffer()
    private(set) var publications: [Publication] = []

    var isEmpty: Bool { publications.isEmpty }

    var byteCount: Int { full.reduce(bytes.readableBytes) { $0 + $1.readableBytes } }

    /// Makes a batch with room for `byteCapacity` bytes and `count` messages.
    init(byteCapacity: Int = 0, count: Int = 0) {
        if byteCapacity > 0 { bytes.reserveCapacity(byteCapacity) }
        if count > 1 { publications.reserveCapacity(count) }
    }

    /// Makes a batch that uses memory again; what it held is gone.
    init(using memory: consuming ByteBuffer, count: Int) {
        memory.clear()
        bytes = memory
        if count > 1 { publications.reserveCapacity(count) }
    }

    /// Encodes a message at the end; what cannot be encoded leaves the batch as it was.
    mutating func append(
        _ message: OutgoingMessage, on channel: ChannelID, frameMax: Int, isReturnKeyNeeded: Bool,
        _ waiter: PublishWaiter, deadline: NIODeadline?
    ) throws(AMQPError) {
        var writer = FrameWriter(appendingTo: bytes, frameMax: frameMax)
        // Two owners of the bytes would make every append copy all of them.
        bytes = ByteBuffer()
        defer { bytes = writer.batch }
        let start = writer.batch.writerIndex
        let isBodyLate = FrameWriter.framedLate.contains(message.body.count)
        let properties = try writer.write(message, channel: channel.number, isBodyLate: isBodyLate)
        var key: ReturnKey?
        if message.mandatory, isReturnKeyNeeded {
            key = writer.batch.withUnsafeReadableBytes { bytes in
                ReturnKey(message, properties: UnsafeRawBufferPointer(rebasing: bytes[properties]))
            }
        }
        publications.append(
            Publication(
                channel: channel, byteCount: writer.batch.writerIndex - start,
                body: isBodyLate ? message.body : nil, key: key, waiter: waiter, deadline: deadline))
    }

    /// Takes all of another batch; bytes that are many are not copied.
    mutating func append(_ other: consuming PublicationBatch) {
        if !other.full.isEmpty || other.bytes.readableBytes >= FrameWriter.large {
            close()
            full.append(contentsOf: other.full)
            bytes = other.bytes
            if bytes.readableBytes >= FrameWriter.large { close() }
        } else if bytes.readableBytes == 0, other.bytes.readableBytes > bytes.capacity {
            bytes = other.bytes
        } else {
            bytes.writeImmutableBuffer(other.bytes)
            if bytes.readableBytes >= FrameWriter.large { close() }
        }
        publications.append(contentsOf: other.publications)
    }

    private mutating func close() {
        guard bytes.readableBytes > 0 else { return }
        full.append(bytes)
        bytes = ByteBuffer()
    }

    /// Takes the frames of a batch out of it, message by message.
    struct Reader {
        private var parts: ArraySlice<ByteBuffer>
        /// How many bytes are to be sent that were not yet moved.
        private(set) var run = 0

        init(_ batch: consuming PublicationBatch) {
            batch.close()
            parts = batch.full[...]
        }

        /// Has the next message sent.
        mutating func send(_ publication: Publication, _ frames: inout FrameWriter) {
            // A message's bytes are never in two parts.
            if run > 0, parts.first?.readableBytes == run { flush(&frames) }
            run += publication.byteCount
            guard let body = publication.body else { return }
            flush(&frames)
            frames.append(body, channel: publication.channel.number)
        }

        /// Moves what is to be sent, in one.
        mutating func flush(_ frames: inout FrameWriter) {
            guard run > 0 else { return }
            frames.append(next(run))
            run = 0
        }

        /// Takes the next message's bytes out; what is before them is sent.
        mutating func read(_ publication: Publication, _ frames: inout FrameWriter) -> ByteBuffer {
            flush(&frames)
            return next(publication.byteCount)
        }

        private mutating func next(_ count: Int) -> ByteBuffer {
            guard var part = parts.popFirst() else { return ByteBuffer() }
            guard part.readableBytes > count else { return part }
            let bytes = part.readSlice(length: count) ?? ByteBuffer()
            parts.insert(part, at: parts.startIndex)
            return bytes
        }
    }
}
