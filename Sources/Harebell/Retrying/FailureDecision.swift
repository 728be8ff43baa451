/// What happens to a message after a failure.
public enum FailureDecision: Sendable, Hashable {
    /// The same worker calls the handler again; the message stays where it is.
    case retryImmediately(after: Duration)
    /// A copy waits in the transport and comes back.
    case retryDelayed(after: Duration)
    /// The message is put aside for an operator.
    case deadLetter(DeadLetterReason)
}
