// Every call here waits for the broker's answer, at most `AMQPConfiguration.rpcTimeout`, and fails in the same ways.
// What the broker refuses closes the channel (AMQP 0-9-1 §4.8).
extension AMQPChannel {
    /// Declares an exchange, or proves that it exists with these properties (`exchange.declare`).
    ///
    /// - Parameters:
    ///   - name: at most 255 bytes; those that begin with `amq.` belong to the broker.
    ///   - type: how it routes.
    ///   - durable: whether it is there again after a restart of the broker.
    ///   - autoDelete: whether it goes with its last binding.
    ///   - internal: whether messages come to it from exchanges only, and not from publishers.
    ///   - arguments: for example `alternate-exchange`.
    /// - Throws: `.channelClosed` with 406 if it exists with others, 403 without the permission to configure;
    ///   `.connectionClosed` with 503 for a type that the broker does not know; `.timedOut`, `.cancelled`, `.closed`.
    public func declareExchange(
        _ name: String, type: ExchangeType, durable: Bool = true, autoDelete: Bool = false, internal: Bool = false,
        arguments: FieldTable = [:]
    ) async throws(AMQPError) {
        let declaration = ExchangeDeclaration(
            name: name, type: type.name, durable: durable, autoDelete: autoDelete, internal: `internal`,
            arguments: arguments)
        _ = try await call(.exchangeDeclare(declaration), answeredBy: .exchangeDeclareOK)
    }

    /// Deletes an exchange (`exchange.delete`); one that is not there is fine.
    ///
    /// - Parameters:
    ///   - name: its name.
    ///   - ifUnused: whether to fail, with 406, while something is bound to it.
    public func deleteExchange(_ name: String, ifUnused: Bool = false) async throws(AMQPError) {
        _ = try await call(.exchangeDelete(name: name, ifUnused: ifUnused), answeredBy: .exchangeDeleteOK)
    }

    /// Binds an exchange to a source exchange (`exchange.bind`, an extension of RabbitMQ); repeating it is fine.
    ///
    /// - Throws: `.channelClosed` with 404 if one is missing, 403 without the permission.
    public func bindExchange(
        _ destination: String, to source: String, routingKey: String = "", arguments: FieldTable = [:]
    ) async throws(AMQPError) {
        let binding = Binding(
            destination: destination, source: source, routingKey: routingKey, arguments: arguments)
        _ = try await call(.exchangeBind(binding), answeredBy: .exchangeBindOK)
    }

    /// Removes the binding of an exchange to a source exchange (`exchange.unbind`); one that is not there is fine.
    public func unbindExchange(
        _ destination: String, from source: String, routingKey: String = "", arguments: FieldTable = [:]
    ) async throws(AMQPError) {
        let binding = Binding(
            destination: destination, source: source, routingKey: routingKey, arguments: arguments)
        _ = try await call(.exchangeUnbind(binding), answeredBy: .exchangeUnbindOK)
    }

    /// Declares a queue, or proves that it exists with these properties (`queue.declare`).
    ///
    /// - Parameters:
    ///   - name: at most 255 bytes; empty lets the broker choose one, which the result names.
    ///   - durable: whether it is there again after a restart of the broker.
    ///   - exclusive: whether only this connection may use it, and it goes with the connection.
    ///   - autoDelete: whether it goes with its last consumer.
    ///   - passive: only asks whether it exists; fails with 404 if not. The other properties do not matter then.
    ///   - arguments: for example `x-queue-type`.
    /// - Throws: `.channelClosed` with 406 if it exists with others, 403 without the permission to configure, 405 if it
    ///   is exclusive to another connection; `.timedOut`, `.cancelled`, `.closed`, `.connectionClosed`.
    @discardableResult
    public func declareQueue(
        _ name: String, durable: Bool = true, exclusive: Bool = false, autoDelete: Bool = false,
        passive: Bool = false, arguments: FieldTable = [:]
    ) async throws(AMQPError) -> QueueState {
        let declaration = QueueDeclaration(
            name: name, passive: passive, durable: durable, exclusive: exclusive, autoDelete: autoDelete,
            arguments: arguments)
        guard case .queue(let state) = try await call(.queueDeclare(declaration), answeredBy: .queueDeclareOK)
        else { throw Self.wrongReply("queue.declare") }
        return state
    }

    /// Binds a queue to an exchange (`queue.bind`); repeating it is fine.
    ///
    /// - Throws: `.channelClosed` with 404 if one is missing, 403 without the permission.
    public func bindQueue(
        _ queue: String, to exchange: String, routingKey: String = "", arguments: FieldTable = [:]
    ) async throws(AMQPError) {
        let binding = Binding(destination: queue, source: exchange, routingKey: routingKey, arguments: arguments)
        _ = try await call(.queueBind(binding), answeredBy: .queueBindOK)
    }

    /// Removes the binding of a queue to an exchange (`queue.unbind`); one that is not there is fine.
    public func unbindQueue(
        _ queue: String, from exchange: String, routingKey: String = "", arguments: FieldTable = [:]
    ) async throws(AMQPError) {
        let binding = Binding(destination: queue, source: exchange, routingKey: routingKey, arguments: arguments)
        _ = try await call(.queueUnbind(binding), answeredBy: .queueUnbindOK)
    }

    /// Removes all messages that wait in a queue and returns how many there were (`queue.purge`).
    ///
    /// Those that were delivered and not settled stay.
    @discardableResult
    public func purgeQueue(_ queue: String) async throws(AMQPError) -> UInt32 {
        try await count(.queuePurge(queue), .queuePurgeOK)
    }

    /// Deletes a queue and returns how many messages it held (`queue.delete`); one that is not there is fine.
    ///
    /// - Parameters:
    ///   - queue: its name.
    ///   - ifUnused: whether to fail, with 406, while it has consumers. Quorum queues do not support it.
    ///   - ifEmpty: whether to fail, with 406, while it holds messages. Quorum queues do not support it.
    @discardableResult
    public func deleteQueue(
        _ queue: String, ifUnused: Bool = false, ifEmpty: Bool = false
    ) async throws(AMQPError) -> UInt32 {
        try await count(.queueDelete(name: queue, ifUnused: ifUnused, ifEmpty: ifEmpty), .queueDeleteOK)
    }

    private func count(_ method: OutboundMethod, _ kind: ReplyKind) async throws(AMQPError) -> UInt32 {
        guard case .count(let count) = try await call(method, answeredBy: kind) else {
            throw Self.wrongReply(kind.rawValue)
        }
        return count
    }

    static func wrongReply(_ method: String) -> AMQPError {
        AMQPError(.protocolViolation, "the answer to \(method) has another shape")
    }
}
