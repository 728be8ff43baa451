public import Harebell

/// The least permissions a service's user needs: three regular expressions, as RabbitMQ takes them.
///
/// Never on the default exchange: writing there is writing to every queue.
public struct BrokerPermissions: Sendable, Hashable, CustomStringConvertible {
    /// What may be declared and deleted.
    public let configure: String
    /// What may be published to and bound.
    public let write: String
    /// What may be consumed and bound from.
    public let read: String

    /// For a worker that declares its own topology.
    public init(declaring endpoint: EndpointDescription) {
        let own = Self.own(endpoint)
        let events = Self.alternatives(endpoint.subscribes + endpoint.publishes)
        let published = Self.alternatives(endpoint.publishes)
        configure = Self.expression(own + ["unrouted"] + events)
        write = Self.expression(own + ["unrouted"] + published)
        // Binding unrouted's queue to its exchange reads the exchange, as binding to an event's does.
        read = Self.expression(own + ["unrouted"] + events)
    }

    /// For a worker whose topology a provisioner applied.
    public init(running endpoint: EndpointDescription) {
        let name = Self.escape(endpoint.service.rawValue)
        let consumes = !endpoint.subscribes.isEmpty
        configure = "^$"
        write = Self.expression((consumes ? [name] : []) + Self.alternatives(endpoint.publishes))
        read = consumes ? "^\(name)(\\.due)?$" : "^$"
    }

    private static func own(_ endpoint: EndpointDescription) -> [String] {
        endpoint.subscribes.isEmpty ? [] : ["\(escape(endpoint.service.rawValue))(\\..*)?"]
    }

    private static func alternatives(_ types: [EventType]) -> [String] {
        types.map { escape($0.rawValue) }
    }

    private static func expression(_ alternatives: [String]) -> String {
        alternatives.isEmpty ? "^$" : "^(\(alternatives.joined(separator: "|")))$"
    }

    private static func escape(_ name: String) -> String {
        name.replacing(".", with: "\\.")
    }

    /// The three expressions, in the order `rabbitmqctl set_permissions` takes them.
    public var description: String { "\(configure)  \(write)  \(read)" }
}
