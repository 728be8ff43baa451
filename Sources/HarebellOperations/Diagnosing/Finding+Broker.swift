import HarebellRabbitMQ

extension Finding {
    /// What makes the whole broker stand still for publishers.
    public static func alarms(_ alarms: [BrokerAlarm]) -> [Finding] {
        alarms.map { alarm in
            Finding(
                severity: .warning, subject: alarm.node,
                problem:
                    "\(alarm.resource) alarm: no node takes anything from a publisher, retries and dead letters neither",
                advice: alarm.resource == "disk"
                    ? "free disk space, or see what fills it: 'harebell queues list'"
                    : "see what fills the broker: 'harebell queues list'; publishing goes on by itself when the alarm is over"
            )
        }
    }

    /// Queues of services that no leader serves.
    ///
    /// - Parameter queues: every queue of the virtual host. A queue's state is nil until its leader has told the management
    ///   API of itself, which takes up to five seconds: look again before this is believed.
    public static func withoutLeader(_ queues: [QueueStatus]) -> [Finding] {
        let services = ServiceQueues.all(among: queues.map(\.name))
        return queues.filter { queue in
            !queue.isServed && (queue.name == Topology.unroutedName || services.owner(of: queue.name) != nil)
        }
        .map { queue in
            Finding(
                severity: .warning, subject: queue.name,
                problem:
                    "no leader serves it (state \(queue.state ?? "-")): nothing can be published to it or taken from it",
                advice:
                    "start the nodes that its members are on; a queue declared less than a second before its node was "
                    + "killed may have lost them for good: 'rabbitmqctl delete_queue' and a worker that starts make it anew"
            )
        }
    }
}

extension QueueStatus {
    /// Whether a leader has told of the queue, and that it serves it; only quorum queues have one.
    public var isServed: Bool {
        guard type == "quorum" else { return true }
        guard let state else { return false }
        return !["down", "minority", "noproc", "crashed", "stopped"].contains(state)
    }
}
