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
    /// Which queue.
    public let queue: String
    /// What is wrong, in words.
    public let problem: String
    /// What to do.
    public let advice: String
}

extension Finding {
    /// What length limits do to the queues of services: work, due, retry and dead-letter queues have none by design.
    ///
    /// - Parameter queues: every queue of the virtual host. A service is whoever has a dead-letter queue.
    public static func lengthLimits(of queues: [QueueStatus]) -> [Finding] {
        let services = Set(queues.map(\.name).filter { $0.hasSuffix(".dead") }.map { String($0.dropLast(5)) })
        return queues.compactMap { queue in
            guard let limit = queue.lengthLimit, let service = service(of: queue.name, among: services) else {
                return nil
            }
            let isDead = queue.name == service + ".dead"
            let source = limit.setBy == "its arguments" ? "\(limit.setBy) set" : "\(limit.setBy) sets"
            let what = "\(source) \(limit.description)"
            let advice =
                limit.setBy == "its arguments"
                ? "declare the queue without it: the limit is fixed for the queue's life"
                : "take the limit out of the policy, or narrow the policy's pattern; watch the queue's depth instead"
            guard limit.dropsOldest else {
                return Finding(
                    severity: .warning, queue: queue.name,
                    problem: what + " with overflow \(limit.overflow): "
                        + (isDead
                            ? "when it is full, the service cannot store a dead letter and stands still"
                            : "when it is full, the broker refuses the event for every subscriber"),
                    advice: advice)
            }
            return Finding(
                severity: .failed, queue: queue.name,
                problem: what + " with overflow \(limit.overflow): when it is full, the oldest "
                    + "\(isDead ? "dead letters" : "messages") are dropped without a trace",
                advice: advice + "; with overflow reject-publish nothing is dropped")
        }
    }

    /// Events that nobody subscribed to: kept, but only so many, and handled by nobody until they are published again.
    ///
    /// - Parameters:
    ///   - queues: every queue of the virtual host.
    ///   - counted: how many events the queue itself says it has: the management API's number is some seconds old, or
    ///     missing.
    public static func unroutedEvents(in queues: [QueueStatus], counted: Int? = nil) -> [Finding] {
        guard let queue = queues.first(where: { $0.name == Topology.unroutedName }),
            let count = counted ?? queue.ready, count > 0
        else { return [] }
        let limit = queue.lengthLimit?.messages
        let isFull = limit.map { count >= $0 } ?? false
        let kept = limit.map { isFull ? ", the most it keeps: older ones are dropped" : "; it keeps \($0)" } ?? ""
        return [
            Finding(
                severity: isFull ? .failed : .warning, queue: queue.name,
                problem: "\(count) events that no service subscribed to when they were published" + kept,
                advice: "'harebell dlq list --unrouted' shows them; when 'harebell topology verify' finds their "
                    + "subscribers, 'harebell dlq replay --all --unrouted' publishes them again")
        ]
    }

    /// The service that a queue belongs to: `email`, `email.due`, `email.dead`, `email.retry.5s`.
    private static func service(of queue: String, among services: Set<String>) -> String? {
        // A service's name holds no dot.
        let name = String(queue.prefix { $0 != "." })
        guard services.contains(name) else { return nil }
        let rest = queue.dropFirst(name.count)
        return ["", ".due", ".dead"].contains(String(rest)) || rest.hasPrefix(".retry.") ? name : nil
    }
}
