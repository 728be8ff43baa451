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
        /// Set when the broker may return the message.
        var key: ReturnKey?
        var waiter: PublishWaiter
        var deadline: NIODeadline?
    }

    private(set) var bytes = ByteBuffer()
    private(set) var publications: [Publication] = []

    var isEmpty: Bool { publications.isEmpty }

    /// Makes a batch with room for `byteCapacity` bytes and `count` messages.
    init(byteCapacity: Int = 0, count: Int = 0) {
        if byteCapacity > 0 { bytes.reserveCapacity(byteCapacity) }
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
        let properties = try writer.write(message, channel: channel.number)
        var key: ReturnKey?
        if message.mandatory, isReturnKeyNeeded {
            key = writer.batch.withUnsafeReadableBytes { bytes in
                ReturnKey(message, properties: UnsafeRawBufferPointer(rebasing: bytes[properties]))
            }
        }
        publications.append(
            Publication(
                channel: channel, byteCount: writer.batch.writerIndex - start, key: key, waiter: waiter,
                deadline: deadline))
    }

    /// Takes all of another batch; that one's bytes are not copied when there are none here.
    mutating func append(_ other: consuming PublicationBatch) {
        if bytes.readableBytes == 0, other.bytes.readableBytes > bytes.capacity {
            bytes = other.bytes
        } else {
            bytes.writeImmutableBuffer(other.bytes)
        }
        publications.append(contentsOf: other.publications)
    }
}
