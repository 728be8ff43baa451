public import AMQP

/// What must exist on the broker, as a value: it can be printed, compared and applied.
///
/// Nothing here talks to a broker. ``Topology/apply(on:logger:)`` declares it, ``Topology/differences(from:)``
/// compares it with what a broker reports.
public struct Topology: Sendable, Hashable {
    /// An exchange to declare (AMQP 0-9-1 §3.1.3).
    public struct Exchange: Sendable, Hashable {
        /// The exchange's name.
        public let name: String
        /// How it routes: events fan out, a service's private exchange is direct.
        public let type: ExchangeType
        /// The arguments of the declaration, for example `alternate-exchange`.
        public let arguments: FieldTable

        /// Describes a durable exchange.
        public init(name: String, type: ExchangeType, arguments: FieldTable = [:]) {
            self.name = name
            self.type = type
            self.arguments = arguments
        }
    }

    /// A queue to declare; durable, and a quorum queue by its arguments.
    public struct Queue: Sendable, Hashable {
        /// The queue's name.
        public let name: String
        /// The arguments of the declaration: wire format, see the design's topology section.
        public let arguments: FieldTable

        /// Describes a durable queue.
        public init(name: String, arguments: FieldTable) {
            self.name = name
            self.arguments = arguments
        }
    }

    /// A binding from an exchange to a queue.
    public struct Binding: Sendable, Hashable {
        /// The exchange that routes.
        public let exchange: String
        /// The queue that receives.
        public let queue: String
        /// The routing key; empty for fanout exchanges.
        public let routingKey: String

        /// Describes a binding.
        public init(exchange: String, queue: String, routingKey: String = "") {
            self.exchange = exchange
            self.queue = queue
            self.routingKey = routingKey
        }
    }

    /// The exchanges, in the order they are declared.
    public var exchanges: [Exchange]
    /// The queues, in the order they are declared.
    public var queues: [Queue]
    /// The bindings, in the order they are made.
    public var bindings: [Binding]

    /// Describes a topology.
    public init(exchanges: [Exchange] = [], queues: [Queue] = [], bindings: [Binding] = []) {
        self.exchanges = exchanges
        self.queues = queues
        self.bindings = bindings
    }

    /// Adds what `other` needs and this topology does not yet name.
    public mutating func merge(_ other: Topology) {
        exchanges += other.exchanges.filter { !exchanges.contains($0) }
        queues += other.queues.filter { !queues.contains($0) }
        bindings += other.bindings.filter { !bindings.contains($0) }
    }
}
