import AMQP

/// Opens channels, does a little of everything on each, and leaves them in different ways, on connections that break.
struct ChannelWork: Sendable {
    let ledger: Ledger
    let configuration: AMQPConfiguration

    /// What a broken connection, a cancelled task or a closed channel may end a call with.
    private static let expected: Set<AMQPError.Code> = [
        .connectionFailed, .connectionClosed, .channelClosed, .closed, .cancelled,
    ]

    func run(until end: ContinuousClock.Instant) async {
        while .now < end {
            do {
                let connection = try await AMQPConnection.connect(configuration, logger: AMQPStress.logger)
                while .now < end, connection.isOpen {
                    await withDiscardingTaskGroup { group in
                        for _ in 0..<4 { group.addTask { await attempt(on: connection) } }
                        // Half of the rounds end before their time.
                        if Bool.random() {
                            _ = await pause(.microseconds(.random(in: 0...20_000)), until: end)
                            group.cancelAll()
                        }
                    }
                }
                // Half of the connections are closed, the other half let go.
                if Bool.random() { await connection.close() }
            } catch {
                note(error)
                _ = await pause(.milliseconds(20), until: end)
            }
        }
    }

    private func attempt(on connection: AMQPConnection) async {
        do {
            let channel = try await connection.openChannel(confirms: true)
            ledger.note { $0.channels += 1 }
            try await round(on: channel)
            if Bool.random() { await channel.close() }
        } catch {
            note(error)
        }
    }

    /// Six messages there and back: two taken one by one, the rest by a consumer that then stops.
    private func round(on channel: AMQPChannel) async throws(AMQPError) {
        let queue = try await channel.declareQueue("", durable: false, exclusive: true).name
        let messages = (0..<6).map { OutgoingMessage(exchange: "", routingKey: queue, body: [UInt8($0)]) }
        for result in await channel.publish(messages, deadline: .seconds(20)) { try result.get() }
        var bodies: [[UInt8]] = []
        for _ in 0..<2 {
            guard let delivery = try await channel.get(queue) else {
                throw AMQPError(.malformed, "a confirmed message is not in its queue")
            }
            bodies.append(delivery.body)
            delivery.acknowledge()
        }
        let deliveries = try await channel.consume(queue, prefetch: 3)
        for try await delivery in deliveries {
            bodies.append(delivery.body)
            delivery.acknowledge()
            if bodies.count == 6 { await deliveries.cancel() }
        }
        guard bodies == messages.map(\.body) else {
            throw AMQPError(.malformed, "six messages came as \(bodies)")
        }
        if Bool.random() { try await channel.deleteQueue(queue) }
    }

    private func note(_ error: AMQPError) {
        if !Self.expected.contains(error.code) { ledger.note { $0.failures.append("a channel: \(error)") } }
        if error.code == .cancelled { ledger.note { $0.cancelled += 1 } }
    }
}
