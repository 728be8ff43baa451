/// Where a client stands with its broker.
public enum ConnectionState: Sendable {
    /// Not connected; trying, or about to. The error is that of the last attempt or of the connection that broke.
    case connecting(lastError: AMQPError?)
    /// Connected, and everything done that is to be done at each connect.
    case connected
    /// Connected, but the broker takes no publishes at the moment.
    case blocked
    /// Shut down, for good.
    case closed

    /// Whether the client is connected, blocked or not.
    public var isConnected: Bool {
        switch self {
        case .connected, .blocked: true
        case .connecting, .closed: false
        }
    }
}
