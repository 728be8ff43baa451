/// Why a message was put aside.
public enum DeadLetterReason: String, Sendable, Hashable, Codable, CaseIterable {
    /// The last attempt that the policy allows has failed.
    case exhausted
    /// The handler said that trying again cannot help.
    case permanent
    /// It cannot be read: a malformed envelope, or a body that is not the event it claims to be.
    case poison
    /// The service has no handler for its type, and got none for a while.
    case unhandled
    /// It was too old when its turn came.
    case expired
}
