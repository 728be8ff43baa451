/// A message that was delivered and waits to be settled.
///
/// It owns its bytes.
public struct Delivery: Sendable {
    private let message: ReceivedMessage
    /// The channel that it came over, and on which it is settled.
    public let channel: AMQPChannel

    init(_ message: ReceivedMessage, channel: AMQPChannel) {
        self.message = message
        self.channel = channel
    }

    /// The exchange it was published to.
    public var exchange: String { message.info.exchange }
    /// The routing key it was published with.
    public var routingKey: String { message.info.routingKey }
    /// The tag of its consumer; empty for a message taken by ``AMQPChannel/get(_:)``.
    public var consumerTag: String { message.info.consumerTag }
    /// The number of the delivery on its channel.
    public var deliveryTag: UInt64 { message.info.deliveryTag }
    /// Whether it may have been delivered before.
    public var isRedelivered: Bool { message.info.isRedelivered }
    /// The body; empty if ``isTruncated``.
    public var body: [UInt8] { message.body }
    /// How many bytes the body has at the publisher.
    public var bodySize: UInt64 { message.bodySize }
    /// Whether the body was over ``AMQPConfiguration/maximumBodySize`` and was let go.
    public var isTruncated: Bool { message.isTruncated }
    /// How many bytes the encoded properties and headers have.
    public var headerBytes: Int { message.properties.count }

    /// Decodes the properties and headers.
    ///
    /// - Throws: `.malformed` for what cannot or should not be decoded: nesting deeper than 32, more than 4096 fields,
    ///   empty keys or such that are not UTF-8, lengths that lie. The delivery can still be settled.
    public func properties() throws(AMQPError) -> BasicProperties {
        let result: Result<BasicProperties, AMQPError> = message.properties.withUnsafeBytes { bytes in
            Result { () throws(AMQPError) in try BasicProperties(encoded: bytes) }
        }
        return try result.get()
    }

    func withEncodedProperties(_ body: (UnsafeRawBufferPointer) -> Bool) -> Bool {
        message.properties.withUnsafeBytes(body)
    }

    /// Whether it can still be settled, as far as is known now: its channel is open.
    ///
    /// When it is not, the broker delivers the message again.
    public var isCurrent: Bool { channel.isOpen }

    /// Tells the broker that the message is done with.
    ///
    /// This and the other ways to settle do not wait: what is settled together leaves together. A delivery is settled
    /// once; a second time, or when its channel is gone and the broker delivers the message again, nothing happens.
    /// - Returns: whether this settled it.
    @discardableResult
    public func acknowledge() -> Bool {
        settle(.acknowledge)
    }

    /// Gives the message back, to be delivered again or, without `requeue`, dead-lettered or dropped.
    @discardableResult
    public func nack(requeue: Bool = true) -> Bool {
        settle(.nack(requeue: requeue))
    }

    /// Refuses the message: dead-lettered or dropped or, with `requeue`, delivered again.
    @discardableResult
    public func reject(requeue: Bool = false) -> Bool {
        settle(.reject(requeue: requeue))
    }

    private func settle(_ settlement: ChannelMachine.Settlement) -> Bool {
        guard message.beginSettling() else { return false }
        return channel.connection.core.settle(
            CollectionOfOne(message.info.deliveryTag), settlement, on: channel.id)
    }
}
