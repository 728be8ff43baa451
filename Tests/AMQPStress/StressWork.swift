import AMQP

/// Who does what in a run, and in which order it ends.
struct StressWork: Sendable {
    let ledger: Ledger
    let queues: [String]
    /// The way that breaks.
    let flaky: AMQPConfiguration

    private static let recovery = RecoveryPolicy(
        initialDelay: .milliseconds(20), maximumDelay: .milliseconds(500), refusedDelay: .seconds(1))

    private func client() -> AMQPClient {
        AMQPClient(configuration: flaky, recovery: Self.recovery, logger: AMQPStress.logger)
    }

    /// Works for a time, lets the broker deliver what it has confirmed, and closes everything.
    func run(for duration: Duration, _ proxy: FlakyProxy) async throws {
        let publisher = client()
        let consumer = client()
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await publisher.run() }
            group.addTask { try await consumer.run() }
            for queue in queues { group.addTask { await consume(queue, consumer) } }
            await work(until: .now + duration, publisher, proxy)
            await untilSettled()
            await publisher.shutdown()
            await consumer.shutdown()
            try await group.waitForAll()
        }
    }

    private func work(until end: ContinuousClock.Instant, _ client: AMQPClient, _ proxy: FlakyProxy) async {
        await withDiscardingTaskGroup { group in
            for index in 0..<6 { group.addTask { await publish(until: end, index, client.publish) } }
            for index in 0..<2 {
                group.addTask { await publishAndChangeMind(until: end, index, client) }
                group.addTask { await publishersComeAndGo(until: end, index, client) }
                group.addTask { await ChannelWork(ledger: ledger, configuration: flaky).run(until: end) }
            }
            group.addTask { await clientsComeAndGo(until: end) }
            for queue in queues {
                group.addTask { await RaceWork(ledger: ledger, queue: queue, configuration: flaky).run(until: end) }
            }
            group.addTask {
                while await pause(.milliseconds(.random(in: 200...2000)), until: end) {
                    let count = proxy.breakAll()
                    ledger.note { $0.broken += count }
                }
            }
        }
    }

    /// Waits until what was confirmed has arrived; the account says what has not.
    private func untilSettled() async {
        let end = ContinuousClock.now + .seconds(30)
        while !ledger.isSettled, await pause(.milliseconds(200), until: end) {}
    }

    // MARK: Publishing

    private typealias Publish = @Sendable (OutgoingMessage, Duration) async throws(AMQPError) -> Void

    static func message(_ number: Int, to queue: String) -> OutgoingMessage {
        var properties = BasicProperties()
        properties.messageID = "\(number)"
        properties.deliveryMode = 2
        properties.headers = ["number": .int64(Int64(number)), "list": .array([true, "text", .void])]
        // One in 64 takes several frames.
        let body = Array(repeating: UInt8(truncatingIfNeeded: number), count: number % 64 == 0 ? 300_000 : number % 200)
        return OutgoingMessage(exchange: "", routingKey: queue, properties: properties, body: body)
    }

    private func publish(_ index: Int, _ publish: Publish, expected: Set<AMQPError.Code>) async -> Bool {
        let number = ledger.publish()
        do throws(AMQPError) {
            try await publish(Self.message(number, to: queues[index % queues.count]), .seconds(30))
            ledger.resolve(number, nil, expected: [])
            return true
        } catch {
            ledger.resolve(number, error, expected: expected)
            return false
        }
    }

    /// Nothing is the matter with these, so nothing else than a confirm is put up with.
    private func publish(until end: ContinuousClock.Instant, _ index: Int, _ publish: @escaping Publish) async {
        while .now < end {
            let start = ContinuousClock.now
            _ = await self.publish(index, publish, expected: [])
            let duration = ContinuousClock.now - start
            ledger.note { $0.slowest = max($0.slowest, duration) }
        }
    }

    /// Publishes and is cancelled at some moment, before, while or after it is sent.
    private func publishAndChangeMind(until end: ContinuousClock.Instant, _ index: Int, _ client: AMQPClient) async {
        while .now < end {
            await withDiscardingTaskGroup { group in
                for _ in 0..<5 {
                    group.addTask { _ = await publish(index, client.publish, expected: [.cancelled]) }
                }
                _ = await pause(.microseconds(.random(in: 0...4000)), until: end)
                group.cancelAll()
            }
        }
    }

    /// Publishers that are closed while they are used.
    private func publishersComeAndGo(until end: ContinuousClock.Instant, _ index: Int, _ client: AMQPClient) async {
        while .now < end {
            let own = client.makePublisher()
            await withDiscardingTaskGroup { group in
                for _ in 0..<3 {
                    group.addTask { while await publish(index, own.publish, expected: [.closed]) {} }
                }
                _ = await pause(.microseconds(.random(in: 0...30_000)), until: end)
                await own.close()
            }
        }
    }

    /// Clients that are shut down, or whose task is cancelled, while they are used.
    private func clientsComeAndGo(until end: ContinuousClock.Instant) async {
        var index = 0
        while .now < end {
            index += 1
            let own = client()
            ledger.note { $0.clients += 1 }
            await withTaskGroup(of: Void.self) { running in
                running.addTask { try? await own.run() }
                await withDiscardingTaskGroup { group in
                    for _ in 0..<3 {
                        group.addTask { [index] in while await publish(index, own.publish, expected: [.closed]) {} }
                    }
                    _ = await pause(.microseconds(.random(in: 0...50_000)), until: end)
                    if Bool.random() { running.cancelAll() } else { await own.shutdown() }
                }
            }
        }
    }

    // MARK: Consuming

    /// Enters a delivery in the account.
    static func handle(_ delivery: Delivery, _ ledger: Ledger) throws(AMQPError) {
        guard let number = try delivery.properties().headers["number"]?.integerValue.flatMap(Int.init(exactly:))
        else { throw AMQPError(.malformed, "a message without its number") }
        ledger.handle(number)
    }

    private func consume(_ queue: String, _ client: AMQPClient) async {
        var count = 0
        do throws(AMQPError) {
            for try await delivery in client.consume(queue, prefetch: 50) {
                count += 1
                // One in ten is given back before it is looked at.
                if count % 10 == 0 {
                    delivery.nack()
                    ledger.note { $0.redelivered += 1 }
                    continue
                }
                try Self.handle(delivery, ledger)
                delivery.acknowledge()
                if delivery.acknowledge() || delivery.reject() { ledger.note { $0.settledTwice += 1 } }
            }
        } catch {
            // Closed at the end of the run.
            guard error.code != .closed else { return }
            ledger.note { $0.failures.append("consuming \(queue): \(error)") }
        }
    }
}

/// Waits, and says whether there is still time.
func pause(_ duration: Duration, until end: ContinuousClock.Instant) async -> Bool {
    try? await Task.sleep(until: min(.now + duration, end), clock: .continuous)
    return .now < end
}
