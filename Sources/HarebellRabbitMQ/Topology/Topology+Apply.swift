public import AMQP
public import Logging

extension Topology {
    /// The routing key of a binding that is there while a topology is applied; nothing is published with it.
    static let settlingKey = "harebell.applied"

    /// Declares everything, in order, and makes the bindings.
    ///
    /// Declaring what exists with the same arguments changes nothing. A queue whose only difference is its
    /// `x-delivery-limit` is used as it is, with a warning: operators may change that limit, and a start must not fail
    /// for it.
    ///
    /// When this returns, the bindings are made for good: a node that is killed right after has them when it is back.
    ///
    /// - Throws: ``TopologyError`` with all mismatches and refusals found, in words; an `AMQPError` when the connection
    ///   is lost.
    public func apply(on connection: AMQPConnection, logger: Logger) async throws {
        var problems: [TopologyError.Problem] = []
        let declaring = Declaring(connection: connection)
        for exchange in exchanges {
            let problem = try await declaring.perform(.exchange(exchange.name)) { channel throws(AMQPError) in
                try await channel.declareExchange(exchange.name, type: exchange.type, arguments: exchange.arguments)
            }
            if let problem { problems.append(problem) }
        }
        for queue in queues {
            if let problem = try await declaring.declare(queue, logger: logger) { problems.append(problem) }
        }
        var made: Binding?
        for binding in bindings {
            if let problem = try await declaring.bind(binding) {
                problems.append(problem)
            } else {
                made = binding
            }
        }
        if let made { problems += try await declaring.settle(made) }
        await declaring.close()
        if !problems.isEmpty { throw TopologyError(problems: problems) }
    }
}

/// Declares one thing after the other; a refusal costs the channel (AMQP 0-9-1 §2.2.4), so the next gets a new one.
private actor Declaring {
    private let connection: AMQPConnection
    private var channel: AMQPChannel?

    init(connection: AMQPConnection) {
        self.connection = connection
    }

    func declare(_ queue: Topology.Queue, logger: Logger) async throws -> TopologyError.Problem? {
        let problem = try await perform(.queue(queue.name)) { channel throws(AMQPError) in
            _ = try await channel.declareQueue(queue.name, arguments: queue.arguments)
        }
        guard let problem, let mismatch = problem.mismatch, mismatch.argument == "x-delivery-limit" else {
            return problem
        }
        // The limit is the operator's. Declare again with the value the broker has, so that the rest is compared too.
        var arguments = queue.arguments
        arguments["x-delivery-limit"] = Int64(mismatch.existing).map { .int64($0) }
        let rest = try await perform(.queue(queue.name)) { [arguments] channel throws(AMQPError) in
            _ = try await channel.declareQueue(queue.name, arguments: arguments)
        }
        if rest == nil {
            logger.warning(
                "queue is used although its delivery limit differs",
                metadata: [
                    "queue": "\(queue.name)", "existing": "\(mismatch.existing)", "wanted": "\(mismatch.wanted)",
                ])
        }
        return rest
    }

    func bind(_ binding: Topology.Binding) async throws -> TopologyError.Problem? {
        try await perform(.binding(binding)) { channel throws(AMQPError) in
            try await channel.bindQueue(binding.queue, to: binding.exchange, routingKey: binding.routingKey)
        }
    }

    /// Makes a second binding beside `binding`, the last one that was made, and removes it again.
    ///
    /// RabbitMQ with Mnesia may answer before it has written that the last change of its database is final: under load
    /// that can stay unwritten for seconds, until the next change. A node that is killed meanwhile undoes the change when
    /// it starts, and the last thing made here is the binding an event comes through: a service would miss events that
    /// were confirmed, until it connects again. So the last change is made one that may be undone.
    ///
    /// Both steps are needed. When replicas start together, one may find that the other's binding is still there, which
    /// changes nothing: then somebody's removal is still to come. The key is one that nothing is published with, an
    /// exchange that fans out gives a queue each message once however often it is bound, and who may make a binding may
    /// make and remove this one.
    func settle(_ binding: Topology.Binding) async throws -> [TopologyError.Problem] {
        let beside = Topology.Binding(
            exchange: binding.exchange, queue: binding.queue, routingKey: Topology.settlingKey)
        let refusals = [
            try await bind(beside),
            try await perform(.binding(beside)) { channel throws(AMQPError) in
                try await channel.unbindQueue(beside.queue, from: beside.exchange, routingKey: beside.routingKey)
            },
        ]
        return refusals.compactMap(\.self)
    }

    func perform(
        _ subject: TopologyError.Subject, _ body: @Sendable (AMQPChannel) async throws(AMQPError) -> Void
    ) async throws -> TopologyError.Problem? {
        let channel: AMQPChannel
        if let open = self.channel, open.isOpen {
            channel = open
        } else {
            channel = try await connection.openChannel()
            self.channel = channel
        }
        do {
            try await body(channel)
            return nil
        } catch {
            guard error.code == .channelClosed else { throw error }
            self.channel = nil
            return TopologyError.Problem(subject: subject, error: error)
        }
    }

    func close() async {
        await channel?.close()
        channel = nil
    }
}
