import HarebellRabbitMQ

extension Finding {
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
                severity: isFull ? .failed : .warning, subject: queue.name,
                problem: "\(count) events that no service subscribed to when they were published" + kept,
                advice: "'harebell dlq list --unrouted' shows them; when 'harebell topology verify' finds their "
                    + "subscribers, 'harebell dlq replay --all --unrouted' publishes them again")
        ]
    }
}
