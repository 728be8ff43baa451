/// A message to publish.
public struct OutgoingMessage: Sendable {
    /// The exchange, at most 255 bytes; empty for the default one, which routes to the queue named by the routing key.
    public var exchange: String
    /// The routing key, at most 255 bytes.
    public var routingKey: String
    /// The properties and headers.
    public var properties: BasicProperties
    /// The body, of any size that the broker takes; it is never looked into.
    public var body: [UInt8]
    /// Whether the broker returns the message if no queue takes it.
    public var mandatory: Bool

    /// Makes a message.
    public init(
        exchange: String, routingKey: String, properties: BasicProperties = BasicProperties(), body: [UInt8],
        mandatory: Bool = true
    ) {
        self.exchange = exchange
        self.routingKey = routingKey
        self.properties = properties
        self.body = body
        self.mandatory = mandatory
    }
}
