/// The properties of a message: the fourteen of AMQP 0-9-1.
public struct BasicProperties: Sendable, Hashable {
    /// The MIME type of the body.
    public var contentType: String?
    /// The MIME encoding of the body.
    public var contentEncoding: String?
    /// The header table.
    public var headers: FieldTable
    /// 1 for transient, 2 for persistent.
    public var deliveryMode: UInt8?
    /// The priority, 0 to 9 by convention.
    public var priority: UInt8?
    /// What connects messages of one conversation.
    public var correlationID: String?
    /// Where replies go.
    public var replyTo: String?
    /// The time to live in milliseconds, as text.
    public var expiration: String?
    /// The identifier of the message.
    public var messageID: String?
    /// When the message was made, in seconds since 1970.
    public var timestamp: UInt64?
    /// The name of the message's type.
    public var type: String?
    /// The publishing user; the broker checks it against the connection's.
    public var userID: String?
    /// The publishing application.
    public var appID: String?
    /// Deprecated by the specification.
    public var clusterID: String?

    /// Makes properties of which none is set.
    public init() {
        headers = FieldTable()
    }
}
