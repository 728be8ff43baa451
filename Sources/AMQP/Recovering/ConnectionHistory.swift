/// What a client's connections have been through since it was made.
public struct ConnectionHistory: Sendable, Hashable {
    /// How often it was connected: more than once is after a loss.
    public var connects: Int
    /// For how long the broker took no publishes, on all connections together.
    public var blockedTime: Duration

    /// A history; at first an empty one.
    public init(connects: Int = 0, blockedTime: Duration = .zero) {
        self.connects = connects
        self.blockedTime = blockedTime
    }
}
