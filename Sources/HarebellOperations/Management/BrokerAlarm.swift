/// A resource of a node that is used up, so that no node takes anything from publishers.
public struct BrokerAlarm: Sendable, Hashable {
    /// The node's name.
    public let node: String
    /// `memory`, `disk`, or what else the broker calls it.
    public let resource: String
}
