/// A limit on how much may be in a queue, from its arguments or a policy.
public struct LengthLimit: Sendable, Hashable, Encodable {
    /// The most messages; nil without a limit on their number.
    public let messages: Int?
    /// The most bytes of bodies; nil without a limit on them.
    public let bytes: Int?
    /// What happens to what is too much, in the broker's word: `drop-head`, `reject-publish`, `reject-publish-dlx`.
    public let overflow: String
    /// Who sets it: `policy 'short'`, `its arguments`.
    public let setBy: String

    /// Whether the oldest messages go when the queue is full.
    ///
    /// The broker's default: nobody is told.
    public var dropsOldest: Bool { !overflow.hasPrefix("reject-publish") }

    /// `max-length 1000, max-length-bytes 1048576`.
    public var description: String {
        [messages.map { "max-length \($0)" }, bytes.map { "max-length-bytes \($0)" }].compactMap(\.self)
            .joined(separator: ", ")
    }
}

extension LengthLimit {
    /// Nil when the queue has no limit.
    ///
    /// Of two numbers the smaller one counts; of two words for the overflow, the queue's own argument.
    init?(_ report: QueueReport) {
        let (own, policy) = (report.arguments.values, report.effective_policy_definition?.values ?? [:])
        func least(_ key: String) -> Int? { [own["x-" + key]?.integer, policy[key]?.integer].compactMap(\.self).min() }
        let (messages, bytes) = (least("max-length"), least("max-length-bytes"))
        guard messages != nil || bytes != nil else { return nil }
        self.messages = messages
        self.bytes = bytes
        overflow = own["x-overflow"]?.text ?? policy["overflow"]?.text ?? "drop-head"
        let isOfPolicy =
            (messages != nil && messages == policy["max-length"]?.integer)
            || (bytes != nil && bytes == policy["max-length-bytes"]?.integer)
        let names = [
            report.policy.flatMap { $0.isEmpty ? nil : "policy '\($0)'" },
            report.operator_policy.flatMap { $0.isEmpty ? nil : "operator policy '\($0)'" },
        ].compactMap(\.self)
        setBy = isOfPolicy ? (names.isEmpty ? "a policy" : names.joined(separator: " or ")) : "its arguments"
    }
}
