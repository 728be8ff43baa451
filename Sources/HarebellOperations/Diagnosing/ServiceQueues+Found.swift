import Harebell
import HarebellRabbitMQ

extension ServiceQueues {
    /// The services that have queues on the broker, by name: a service is whoever has a dead-letter queue.
    static func all(among queues: [String]) -> [ServiceQueues] {
        queues.filter { $0.hasSuffix(".dead") }.sorted().compactMap { name in
            // A service's name holds no dot.
            guard let service = try? ServiceName(validating: String(name.dropLast(".dead".count))) else { return nil }
            return ServiceQueues(service: service)
        }
    }
}

extension [ServiceQueues] {
    /// Whose queue it is: `email`, `email.due`, `email.dead` and `email.retry.5s` are those of `email`.
    func owner(of queue: String) -> ServiceQueues? { first { $0.key(of: queue) != nil } }
}
