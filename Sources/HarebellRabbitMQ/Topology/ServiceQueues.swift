public import Harebell

/// The names of what a service owns on the broker.
public struct ServiceQueues: Sendable, Hashable {
    /// The routing keys of a service's private exchange.
    enum Key {
        static let work = "work"
        static let due = "due"
        static let dead = "dead"

        static func retry(_ rung: Duration) -> String { "retry.\(rung.rungName)" }
    }

    /// The service.
    public let service: ServiceName

    /// The names of what `service` owns.
    public init(service: ServiceName) {
        self.service = service
    }

    /// The private direct exchange: retries, due copies, replays and dead letters go through it and nothing else.
    public var exchange: String { service.rawValue }
    /// The queue that is bound to the events.
    public var work: String { service.rawValue }
    /// The queue of retries whose time has come; consumed beside the work queue.
    public var due: String { "\(service.rawValue).due" }
    /// The dead-letter queue.
    public var dead: String { "\(service.rawValue).dead" }

    /// The routing key with which the exchange leads to the dead-letter queue.
    public var deadKey: String { Key.dead }

    /// The routing key with which the exchange leads to one of the service's own queues; nil for any other queue.
    public func key(of queue: String) -> String? {
        if queue == work { return Key.work }
        guard queue.hasPrefix("\(service.rawValue).") else { return nil }
        let key = String(queue.dropFirst(service.rawValue.count + 1))
        return key == Key.due || key == Key.dead || key.hasPrefix("retry.") ? key : nil
    }

    /// The queue in which a copy waits for `rung`.
    public func rung(_ rung: Duration) -> String { "\(service.rawValue).retry.\(rung.rungName)" }
}
