import AMQP
public import HarebellRabbitMQ

extension ObservedTopology {
    /// What a broker reports that has a topology and nothing else.
    public init(exactly topology: Topology) {
        self.init(bindings: Set(topology.bindings))
        for exchange in topology.exchanges {
            exchanges[exchange.name] = Entity(
                type: exchange.type.name, isDurable: true, arguments: exchange.arguments)
        }
        for queue in topology.queues {
            queues[queue.name] = Entity(type: "quorum", isDurable: true, arguments: queue.arguments)
        }
    }
}
