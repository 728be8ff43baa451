import AMQP
import NIOConcurrencyHelpers

/// Ends channels and connections at every moment of their use.
///
/// That is while publishes are handed over, while they are under way, while deliveries are settled. Whoever called must
/// be told, once, and of something that can be.
struct RaceWork: Sendable {
    /// How the use of a channel ends.
    private enum Ending: CaseIterable {
        case close, missingExchange, cancel, connectionClose, patience
    }

    let ledger: Ledger
    let queue: String
    let configuration: AMQPConfiguration

    /// What may be told to a caller whose channel or connection ends, whose task is cancelled, or who sets a deadline.
    static let expected: Set<AMQPError.Code> = [
        .cancelled, .closed, .channelClosed, .connectionClosed, .timedOut,
    ]

    func run(until end: ContinuousClock.Instant) async {
        while .now < end {
            do throws(AMQPError) {
                let connection = try await AMQPConnection.connect(configuration, logger: AMQPStress.logger)
                for _ in 0..<30 where .now < end && connection.isOpen {
                    try await round(on: connection)
                }
                // Half of the connections are let go instead.
                if Bool.random() { await connection.close() }
            } catch {
                if !Self.expected.union([.connectionFailed]).contains(error.code) {
                    ledger.note { $0.failures.append("a race: \(error)") }
                }
            }
        }
    }

    private func round(on connection: AMQPConnection) async throws(AMQPError) {
        let hasConfirms = Int.random(in: 0..<4) > 0
        let channel = try await connection.openChannel(confirms: hasConfirms)
        ledger.note { $0.channels += 1 }
        let held = NIOLockedValueBox<Delivery?>(nil)
        let ending = Ending.allCases.randomElement() ?? .close
        await withDiscardingTaskGroup { group in
            for index in 0..<3 { group.addTask { await publish(on: channel, isHasty: index == 0) } }
            group.addTask { await publishBatches(on: channel) }
            if hasConfirms { group.addTask { await publishToNobody(on: channel) } }
            group.addTask { await consume(on: channel, held) }
            await brieflyPause()
            switch ending {
            case .close: await channel.close()
            case .missingExchange:
                await publish(OutgoingMessage(exchange: "stress-missing", routingKey: "", body: []), on: channel)
            case .cancel: group.cancelAll()
            case .connectionClose: await connection.close()
            case .patience: try? await Task.sleep(for: .milliseconds(20))
            }
            if ending != .cancel { await channel.close() }
        }
        await channel.close()
        if held.withLockedValue({ $0?.acknowledge() }) == true {
            ledger.note { $0.failures.append("a delivery of a closed channel was settled") }
        }
    }

    // MARK: Publishing

    private func message(_ number: Int) -> OutgoingMessage {
        StressWork.message(number, to: queue)
    }

    private func note(_ number: Int, _ error: AMQPError?, on channel: AMQPChannel) {
        if error == nil, !channel.hasConfirms { return ledger.sent(number) }
        ledger.resolve(number, error, expected: Self.expected)
    }

    /// One after the other, until the channel ends; the hasty one sets deadlines that cannot be kept.
    private func publish(on channel: AMQPChannel, isHasty: Bool) async {
        for _ in 0..<100 {
            let number = ledger.publish()
            let deadline: Duration? = isHasty ? .microseconds(.random(in: 0...1500)) : nil
            do throws(AMQPError) {
                try await channel.publish(message(number), deadline: deadline)
                note(number, nil, on: channel)
            } catch {
                note(number, error, on: channel)
                guard error.code == .timedOut else { return }
            }
        }
    }

    private func publishBatches(on channel: AMQPChannel) async {
        for _ in 0..<30 {
            let numbers = (0..<Int.random(in: 1...20)).map { _ in ledger.publish() }
            let results = await channel.publish(numbers.map(message))
            for (number, result) in zip(numbers, results) {
                switch result {
                case .success: note(number, nil, on: channel)
                case .failure(let error): note(number, error, on: channel)
                }
            }
            guard results.count == numbers.count else {
                return ledger.note { $0.failures.append("\(results.count) outcomes of \(numbers.count) messages") }
            }
            if case .failure = results.last { return }
        }
    }

    /// A message without a queue is given back, however its channel ends.
    private func publishToNobody(on channel: AMQPChannel) async {
        for _ in 0..<30 {
            guard
                await publish(OutgoingMessage(exchange: "", routingKey: "stress-nobody", body: []), on: channel)
                    == .returned
            else { return }
        }
    }

    @discardableResult
    private func publish(_ message: OutgoingMessage, on channel: AMQPChannel) async -> AMQPError.Code? {
        do throws(AMQPError) {
            try await channel.publish(message)
            if channel.hasConfirms {
                ledger.note { $0.failures.append("a message that cannot be stored is confirmed") }
            }
            return nil
        } catch {
            if !Self.expected.union([.returned]).contains(error.code) {
                ledger.note { $0.failures.append("to nobody: \(error)") }
            }
            return error.code
        }
    }

    // MARK: Consuming

    /// Settles in batches and one by one until the channel ends; the first delivery is kept beyond that.
    private func consume(on channel: AMQPChannel, _ held: NIOLockedValueBox<Delivery?>) async {
        do throws(AMQPError) {
            let deliveries = try await channel.consume(queue, prefetch: .random(in: 1...50))
            for try await batch in deliveries.batches(upTo: 16) {
                var isFirst = held.withLockedValue { held in
                    defer { held = held ?? batch.first }
                    return held == nil
                }
                for delivery in batch {
                    if isFirst {
                        isFirst = false
                        continue
                    }
                    try StressWork.handle(delivery, ledger)
                    if Int.random(in: 0..<4) == 0 { delivery.acknowledge() }
                }
                if Bool.random() { settle(batch, but: held) }
                if Int.random(in: 0..<100) == 0 { await deliveries.cancel() }
            }
        } catch {
            if !Self.expected.contains(error.code) { ledger.note { $0.failures.append("consuming: \(error)") } }
        }
    }

    /// What was left of a batch, and nothing a second time.
    private func settle(_ batch: DeliveryBatch, but held: NIOLockedValueBox<Delivery?>) {
        let tag = held.withLockedValue { $0?.deliveryTag }
        if batch.contains(where: { $0.deliveryTag == tag }) {
            for delivery in batch where delivery.deliveryTag != tag { delivery.nack() }
            return
        }
        batch.acknowledge()
        if batch.acknowledge() > 0 { ledger.note { $0.settledTwice += 1 } }
    }

    /// From nothing to a few milliseconds, mostly very little.
    private func brieflyPause() async {
        let most = [0, 50, 500, 5000].randomElement() ?? 0
        guard most > 0 else { return }
        try? await Task.sleep(for: .microseconds(Int.random(in: 0...most)))
    }
}
