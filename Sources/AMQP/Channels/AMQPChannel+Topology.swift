extension AMQPChannel {
    /// Declares an exchange, or proves that it exists with these properties.
    public func declareExchange(
        _ name: String, type: ExchangeType, durable: Bool = true, autoDelete: Bool = false, internal: Bool = false,
        arguments: FieldTable = [:]
    ) async throws(AMQPError) {
        let declaration = ExchangeDeclaration(
            name: name, type: type.name, durable: durable, autoDelete: autoDelete, internal: `internal`,
            arguments: arguments)
        _ = try await call(.exchangeDeclare(declaration), answeredBy: .exchangeDeclareOK)
    }

    /// Deletes an exchange; with `ifUnused` only if nothing is bound to it.
    public func deleteExchange(_ name: String, ifUnused: Bool = false) async throws(AMQPError) {
        _ = try await call(.exchangeDelete(name: name, ifUnused: ifUnused), answeredBy: .exchangeDeleteOK)
    }

    /// Binds an exchange to a source exchange.
    public func bindExchange(
        _ destination: String, to source: String, routingKey: String = "", arguments: FieldTable = [:]
    ) async throws(AMQPError) {
        let binding = Binding(
            destination: destination, source: source, routingKey: routingKey, arguments: arguments)
        _ = try await call(.exchangeBind(binding), answeredBy: .exchangeBindOK)
    }

    /// Removes the binding of an exchange to a source exchange.
    public func unbindExchange(
        _ destination: String, from source: String, routingKey: String = "", arguments: FieldTable = [:]
    ) async throws(AMQPError) {
        let binding = Binding(
            destination: destination, source: source, routingKey: routingKey, arguments: arguments)
        _ = try await call(.exchangeUnbind(binding), answeredBy: .exchangeUnbindOK)
    }

    /// Declares a queue, or proves that it exists with these properties; an empty name lets the broker choose one.
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

    /// Binds a queue to an exchange.
    public func bindQueue(
        _ queue: String, to exchange: String, routingKey: String = "", arguments: FieldTable = [:]
    ) async throws(AMQPError) {
        let binding = Binding(destination: queue, source: exchange, routingKey: routingKey, arguments: arguments)
        _ = try await call(.queueBind(binding), answeredBy: .queueBindOK)
    }

    /// Removes the binding of a queue to an exchange.
    public func unbindQueue(
        _ queue: String, from exchange: String, routingKey: String = "", arguments: FieldTable = [:]
    ) async throws(AMQPError) {
        let binding = Binding(destination: queue, source: exchange, routingKey: routingKey, arguments: arguments)
        _ = try await call(.queueUnbind(binding), answeredBy: .queueUnbindOK)
    }

    /// Removes all messages that wait in a queue and returns how many there were.
    @discardableResult
    public func purgeQueue(_ queue: String) async throws(AMQPError) -> UInt32 {
        try await count(.queuePurge(queue), .queuePurgeOK)
    }

    /// Deletes a queue and returns how many messages it held.
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
