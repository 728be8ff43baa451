/// How an exchange routes.
public struct ExchangeType: Sendable, Hashable, ExpressibleByStringLiteral {
    /// The name of the type on the wire.
    public let name: String

    /// A type of the given name, for example one of a plug-in.
    public init(_ name: String) {
        self.name = name
    }

    /// A type of the given name.
    public init(stringLiteral value: String) {
        name = value
    }

    /// To every bound queue.
    public static let fanout: ExchangeType = "fanout"
    /// By equal routing key.
    public static let direct: ExchangeType = "direct"
    /// By pattern of the routing key.
    public static let topic: ExchangeType = "topic"
    /// By headers.
    public static let headers: ExchangeType = "headers"
}
