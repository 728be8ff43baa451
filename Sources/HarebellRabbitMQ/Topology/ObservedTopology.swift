public import AMQP

/// What a broker has, as its management API reports it.
public struct ObservedTopology: Sendable, Hashable {
    /// An exchange or a queue with its arguments.
    public struct Entity: Sendable, Hashable {
        /// `fanout`, `direct`, … for an exchange; `quorum`, `classic`, … for a queue.
        public var type: String
        /// Whether it survives a restart of the broker.
        public var isDurable: Bool
        /// The arguments it was declared with.
        public var arguments: FieldTable

        /// Describes what was observed.
        public init(type: String, isDurable: Bool, arguments: FieldTable) {
            self.type = type
            self.isDurable = isDurable
            self.arguments = arguments
        }
    }

    /// The exchanges by name.
    public var exchanges: [String: Entity]
    /// The queues by name.
    public var queues: [String: Entity]
    /// The bindings from exchanges to queues, without those of the default exchange.
    public var bindings: Set<Topology.Binding>

    /// Describes what was observed.
    public init(
        exchanges: [String: Entity] = [:], queues: [String: Entity] = [:], bindings: Set<Topology.Binding> = []
    ) {
        self.exchanges = exchanges
        self.queues = queues
        self.bindings = bindings
    }
}
