/// The properties of a message: the fourteen of AMQP 0-9-1 (§1.8.2); none has to be set.
///
/// Texts have at most 255 bytes of UTF-8; a longer one is refused locally.
public struct BasicProperties: Sendable, Hashable {
    /// The MIME type of the body.
    public var contentType: String?
    /// The MIME encoding of the body.
    public var contentEncoding: String?
    /// The header table.
    public var headers: FieldTable
    /// 1 for transient, 2 for persistent; unset means transient, see ``isPersistent``.
    public var deliveryMode: UInt8?
    /// The priority, 0 to 9 by convention; only queues declared with `x-max-priority` heed it.
    public var priority: UInt8?
    /// What connects messages of one conversation.
    public var correlationID: String?
    /// Where replies go.
    public var replyTo: String?
    /// The time to live in milliseconds, as decimal digits.
    public var expiration: String?
    /// The identifier of the message.
    ///
    /// The one that consumers recognise a repetition by, and by which a returned message is told from its neighbours.
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

    /// Makes properties; what is left out is not set.
    public init(
        contentType: String? = nil, contentEncoding: String? = nil, headers: FieldTable = FieldTable(),
        deliveryMode: UInt8? = nil, priority: UInt8? = nil, correlationID: String? = nil, replyTo: String? = nil,
        expiration: String? = nil, messageID: String? = nil, timestamp: UInt64? = nil, type: String? = nil,
        userID: String? = nil, appID: String? = nil, clusterID: String? = nil
    ) {
        self.contentType = contentType
        self.contentEncoding = contentEncoding
        self.headers = headers
        self.deliveryMode = deliveryMode
        self.priority = priority
        self.correlationID = correlationID
        self.replyTo = replyTo
        self.expiration = expiration
        self.messageID = messageID
        self.timestamp = timestamp
        self.type = type
        self.userID = userID
        self.appID = appID
        self.clusterID = clusterID
    }

    /// Whether a durable queue keeps the message over a restart of its broker: delivery mode 2.
    ///
    /// Quorum queues and streams keep every message, whatever its mode.
    public var isPersistent: Bool {
        get { deliveryMode == 2 }
        set { deliveryMode = newValue ? 2 : 1 }
    }
}
