/// An operation that the broker's state does not allow.
public enum OperationError: Error, Sendable, Hashable, CustomStringConvertible {
    /// The queue does not exist.
    case noSuchQueue(String)
    /// The exchange does not exist.
    case noSuchExchange(String)
    /// Somebody else is reading the dead-letter queue; who, as far as the management API told.
    case inUse(String, by: String?)
    /// The message's body, of so many bytes, is larger than the connection takes, and was not read.
    case bodyTooLarge(UInt64)
    /// What lies in this queue is for no one service, so that no canary can tell.
    case noCanary(String)
    /// The management API could not be understood, or something is missing there.
    case management(String)
    /// The management API refused this user.
    case managementRefused
    /// The management API could not be reached, or did not answer in time.
    case managementUnreachable(String)

    /// What is wrong, in words.
    public var description: String {
        switch self {
        case .noSuchQueue(let name): "there is no queue '\(name)' on this broker"
        case .noSuchExchange(let name): "there is no exchange '\(name)' on this broker"
        case .inUse(let name, let reader):
            "\(reader ?? "somebody else") is reading '\(name)': there is one reader at a time"
        case .bodyTooLarge(let bytes): "its body of \(bytes) bytes is larger than this connection takes"
        case .noCanary(let name): "what lies in '\(name)' is for no one service: there is no canary for it"
        case .management(let reason): "the management API: \(reason)"
        case .managementRefused:
            "the management API: the user or the password is wrong, or the user has no management tag"
        case .managementUnreachable(let reason): "the management API: \(reason)"
        }
    }
}
