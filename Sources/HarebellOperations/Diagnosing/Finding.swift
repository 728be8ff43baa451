import HarebellRabbitMQ

/// Something on the broker that loses messages, or will hold services up, with what to do about it.
public struct Finding: Sendable, Hashable, Encodable {
    /// How bad it is.
    public enum Severity: String, Sendable, Hashable, Encodable {
        /// Messages are lost without a trace.
        case failed
        /// Services will be held up.
        case warning
    }

    /// How bad it is.
    public let severity: Severity
    /// Which queue, exchange or node.
    public let subject: String
    /// What is wrong, in words.
    public let problem: String
    /// What to do.
    public let advice: String
}
