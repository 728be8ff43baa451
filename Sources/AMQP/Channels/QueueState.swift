/// What the broker says about a queue when it is declared.
public struct QueueState: Sendable, Hashable {
    /// The queue's name; made by the broker if the declaration named none.
    public let name: String
    /// How many messages wait in it.
    public let messageCount: UInt32
    /// How many consumers it has.
    public let consumerCount: UInt32
}
