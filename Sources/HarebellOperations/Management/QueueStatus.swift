/// A queue as the management API reports it; what it does not say is nil, never 0.
public struct QueueStatus: Sendable, Encodable {
    /// The queue's name.
    public let name: String
    /// `quorum`, `classic` or `stream`.
    public let type: String?
    /// Messages that wait.
    public let ready: Int?
    /// Messages that consumers have in hand.
    public let unacknowledged: Int?
    /// Its consumers.
    public let consumers: Int?
    /// Messages in per second.
    public let publishRate: Double?
    /// Messages acknowledged per second.
    public let acknowledgeRate: Double?
    /// Bytes of all bodies.
    public let bytes: Int?
    /// `x-dead-letter-exchange`.
    public let deadLetterExchange: String?
    /// `x-delivery-limit`.
    public let deliveryLimit: Int?
    /// The policy that applies.
    public let policy: String?
    /// How much may be in it, and what happens to what is too much; nil without a limit.
    public let lengthLimit: LengthLimit?
    /// The state in the broker's words.
    public let state: String?
    /// What policies say of the removal of messages, or of the queue: `delivery-limit`, `expires`, `message-ttl`.
    let removals: [(key: String, value: Int)]

    private enum CodingKeys: CodingKey {
        case name, type, ready, unacknowledged, consumers, publishRate, acknowledgeRate, bytes, deadLetterExchange
        case deliveryLimit, policy, lengthLimit, state
    }

    /// What an operator should see: the state, or what is wrong or special.
    public var condition: String? {
        if let state, state != "running" { return state }
        if name.contains(".retry.") { return ready ?? 0 > 0 ? "waiting" : state }
        if name.hasSuffix(".dead") { return ready ?? 0 > 0 ? "dead letters" : state }
        if name == "unrouted" { return ready ?? 0 > 0 ? "unrouted" : state }
        if let ready, ready > 0, consumers == 0 { return "no consumers" }
        return state
    }
}

extension QueueStatus {
    init(_ report: QueueReport) {
        name = report.name
        type = report.type
        ready = report.messages_ready
        unacknowledged = report.messages_unacknowledged
        consumers = report.consumers
        publishRate = report.message_stats?.publish_details?.rate
        acknowledgeRate = report.message_stats?.ack_details?.rate
        bytes = report.message_bytes
        deadLetterExchange = report.arguments.values["x-dead-letter-exchange"]?.text
        deliveryLimit = report.arguments.values["x-delivery-limit"]?.integer
        policy = report.policy
        lengthLimit = LengthLimit(report)
        state = report.state
        let policies = report.effective_policy_definition?.values ?? [:]
        removals = ["delivery-limit", "expires", "message-ttl"].compactMap { key in
            policies[key]?.integer.map { (key, $0) }
        }
    }
}
