import Harebell
import HarebellRabbitMQ

extension ServiceQueues {
    /// The services that have queues on the broker, by name: whoever has a dead-letter queue, a due queue or a rung.
    static func all(among queues: [String]) -> [ServiceQueues] {
        let names = queues.compactMap { queue -> String? in
            // A service's name holds no dot.
            guard let dot = queue.firstIndex(of: ".") else { return nil }
            let rest = queue[dot...]
            return rest == ".dead" || rest == ".due" || rest.hasPrefix(".retry.") ? String(queue[..<dot]) : nil
        }
        return Set(names).sorted().compactMap { name in
            (try? ServiceName(validating: name)).map { ServiceQueues(service: $0) }
        }
    }

    /// How many of a service's parts are there: one alone may be somebody else's that is called alike.
    func parts(in observed: ObservedTopology) -> Int {
        let isRung = { (queue: String) in queue.hasPrefix("\(service).retry.") }
        return [
            observed.exchanges[exchange]?.type == "direct", observed.queues[dead] != nil, observed.queues[due] != nil,
            observed.queues.keys.contains(where: isRung),
        ].count { $0 }
    }
}

extension [ServiceQueues] {
    /// Whose queue it is: `email`, `email.due`, `email.dead` and `email.retry.5s` are those of `email`.
    func owner(of queue: String) -> ServiceQueues? { first { $0.key(of: queue) != nil } }
}
