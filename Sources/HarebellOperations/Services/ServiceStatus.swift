/// A service that works in a process, as its status port tells.
public struct ServiceStatus: Sendable, Hashable, Decodable {
    /// The service's name.
    public let name: String
    /// What it is doing, in a word, such as `running`, `paused`, `draining` or `broken`.
    public let state: String
    /// How many messages are in its hands now.
    public let inHand: Int
    /// How many it has in its hands at most.
    public let prefetch: Int

    private enum CodingKeys: String, CodingKey {
        case name = "service"
        case state
        case inHand = "in_hand"
        case prefetch
    }

    /// A service and how it is.
    public init(name: String, state: String, inHand: Int, prefetch: Int) {
        self.name = name
        self.state = state
        self.inHand = inHand
        self.prefetch = prefetch
    }
}
