import AMQP
public import Harebell

extension Topology {
    /// The name of the exchange and queue that keep events nobody subscribes to.
    public static let unroutedName = "unrouted"

    /// The portable "unlimited" for `x-delivery-limit`: `-1` drops at the first requeue on RabbitMQ 3.10, and no
    /// limit means 20 on 4.x, where looking at a message counts.
    static let unlimitedDeliveries: FieldValue = .int64(1_000_000)

    /// The exchange and queue that keep an event without a subscriber.
    ///
    /// Publisher and subscriber declare them with the same arguments, from this one function.
    public static let unrouted = Topology(
        exchanges: [Exchange(name: unroutedName, type: .fanout)],
        queues: [
            Queue(
                name: unroutedName,
                arguments: [
                    "x-queue-type": "quorum",
                    "x-max-length": .int64(100_000),
                    "x-overflow": "drop-head",
                    "x-delivery-limit": unlimitedDeliveries,
                ])
        ],
        bindings: [Binding(exchange: unroutedName, queue: unroutedName)])

    /// The fanout exchange of every event type, with `unrouted` behind them.
    public static func events(_ types: [EventType]) -> Topology {
        guard !types.isEmpty else { return Topology() }
        var topology = unrouted
        topology.exchanges += types.map { type in
            Exchange(name: type.rawValue, type: .fanout, arguments: ["alternate-exchange": .string(unroutedName)])
        }
        return topology
    }

    /// What a service needs: all of ``service(_:subscribes:publishes:options:)``, or only its events when it consumes
    /// nothing.
    public init(_ endpoint: EndpointDescription, options: TopologyOptions = .init()) {
        self =
            endpoint.subscribes.isEmpty
            ? .events(endpoint.publishes)
            : .service(
                endpoint.service, subscribes: endpoint.subscribes, publishes: endpoint.publishes, options: options)
    }

    /// All that one service needs: its events, its work queue, and its private exchange with due, rungs and dead letters.
    ///
    /// - Parameters:
    ///   - service: The service's name, which is also the name of its work queue and of its private exchange.
    ///   - subscribes: The event types whose exchanges the work queue is bound to.
    ///   - publishes: The event types the service publishes; their exchanges are declared, nothing is bound.
    ///   - options: The rungs and the delivery limit.
    public static func service(
        _ service: ServiceName, subscribes: [EventType], publishes: [EventType] = [], options: TopologyOptions = .init()
    ) -> Topology {
        let names = ServiceQueues(service: service)
        var types: [EventType] = []
        for type in subscribes + publishes where !types.contains(type) { types.append(type) }
        var topology = events(types)

        topology.exchanges.append(Exchange(name: names.exchange, type: .direct))
        let deadLettering: FieldTable = [
            "x-queue-type": "quorum",
            "x-dead-letter-exchange": .string(names.exchange),
            "x-dead-letter-routing-key": .string(ServiceQueues.Key.dead),
            "x-dead-letter-strategy": "at-least-once",
            "x-overflow": "reject-publish",
            "x-delivery-limit": .int64(Int64(options.deliveryLimit)),
        ]
        // The dead-letter queue first: nothing may be consumed before its last resort exists.
        topology.queues.append(
            Queue(
                name: names.dead,
                arguments: ["x-queue-type": "quorum", "x-delivery-limit": unlimitedDeliveries]))
        topology.queues.append(Queue(name: names.due, arguments: deadLettering))
        for rung in options.rungs.delays {
            topology.queues.append(
                Queue(
                    name: names.rung(rung),
                    arguments: [
                        "x-queue-type": "quorum",
                        "x-message-ttl": .int64(rung.wholeMilliseconds),
                        "x-dead-letter-exchange": .string(names.exchange),
                        "x-dead-letter-routing-key": .string(ServiceQueues.Key.due),
                        "x-dead-letter-strategy": "at-least-once",
                        "x-overflow": "reject-publish",
                        "x-delivery-limit": unlimitedDeliveries,
                    ]))
        }
        topology.queues.append(Queue(name: names.work, arguments: deadLettering))

        topology.bindings.append(
            Binding(exchange: names.exchange, queue: names.dead, routingKey: ServiceQueues.Key.dead))
        topology.bindings.append(Binding(exchange: names.exchange, queue: names.due, routingKey: ServiceQueues.Key.due))
        for rung in options.rungs.delays {
            topology.bindings.append(
                Binding(
                    exchange: names.exchange, queue: names.rung(rung), routingKey: ServiceQueues.Key.retry(rung)))
        }
        topology.bindings.append(
            Binding(exchange: names.exchange, queue: names.work, routingKey: ServiceQueues.Key.work))
        // Events last: they flow only once a failure of theirs has somewhere to go.
        topology.bindings += subscribes.map { Binding(exchange: $0.rawValue, queue: names.work) }
        return topology
    }
}
