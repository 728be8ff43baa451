import HarebellRabbitMQ

extension Finding {
    /// What length limits do to the queues of services: work, due, retry and dead-letter queues have none by design.
    ///
    /// - Parameter queues: every queue of the virtual host. A service is whoever has a dead-letter queue.
    public static func lengthLimits(of queues: [QueueStatus]) -> [Finding] {
        let services = ServiceQueues.all(among: queues.map(\.name))
        return queues.compactMap { queue in
            guard let limit = queue.lengthLimit, let owner = services.owner(of: queue.name) else { return nil }
            let isDead = queue.name == owner.dead
            let source = limit.setBy == "its arguments" ? "\(limit.setBy) set" : "\(limit.setBy) sets"
            let what = "\(source) \(limit.description)"
            let advice =
                limit.setBy == "its arguments"
                ? "declare the queue without it: the limit is fixed for the queue's life"
                : "take the limit out of the policy, or narrow the policy's pattern; watch the queue's depth instead"
            guard limit.dropsOldest else {
                return Finding(
                    severity: .warning, subject: queue.name,
                    problem: what + " with overflow \(limit.overflow): "
                        + (isDead
                            ? "when it is full, the service cannot store a dead letter and stands still"
                            : "when it is full, the broker refuses the event for every subscriber"),
                    advice: advice)
            }
            return Finding(
                severity: .failed, subject: queue.name,
                problem: what + " with overflow \(limit.overflow): when it is full, the oldest "
                    + "\(isDead ? "dead letters" : "messages") are dropped without a trace",
                advice: advice + "; with overflow reject-publish nothing is dropped")
        }
    }
}
