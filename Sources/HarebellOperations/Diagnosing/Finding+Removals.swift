import HarebellRabbitMQ

extension Finding {
    /// What policies remove from the queues of services beside what is too much: whatever is too old, or was looked at
    /// too often, and queues that nobody reads.
    ///
    /// Of a policy's number and the queue's own the smaller one counts; none of ours is as small as these.
    /// - Parameter queues: every queue of the virtual host. A service is whoever has a dead-letter queue.
    public static func removals(of queues: [QueueStatus]) -> [Finding] {
        let services = ServiceQueues.all(among: queues.map(\.name))
        return queues.flatMap { queue -> [Finding] in
            let owner = services.owner(of: queue.name)
            // Nobody consumes what nobody subscribed to: it lies there like a dead letter.
            let isDead = queue.name == owner?.dead || queue.name == Topology.unroutedName
            guard owner != nil || isDead else { return [] }
            return queue.removals.compactMap { key, value in
                let problem: String? =
                    switch key {
                    case "expires":
                        "the broker deletes the queue with all that is in it after \(value) ms without a consumer"
                    case "message-ttl" where isDead: "dead letters are dropped without a trace after \(value) ms"
                    case "message-ttl" where !queue.name.contains(".retry."):
                        "what waits for longer than \(value) ms becomes a dead letter, without a call"
                    case "delivery-limit" where isDead:
                        "a dead letter that was looked at \(value) times is dropped without a trace"
                    default: nil
                    }
                guard let problem else { return nil }
                let policy = queue.policy.map { "policy '\($0)'" } ?? "a policy"
                return Finding(
                    severity: .failed, subject: queue.name, problem: "\(policy) sets \(key) \(value): \(problem)",
                    advice: "take \(key) out of the policy, or narrow the policy's pattern")
            }
        }
    }
}
