import AMQP
public import Harebell
import Logging
import Synchronization

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// A service's end of the broker: its work queue and its due queue, and the way to its retries and dead letters.
///
/// A delivery is in exactly one place:
/// ```
/// broker ──► held by a timer (early, rest below the smallest rung) ──► handed out ──► acknowledge | release
///        └─► sent on to a rung (early), acknowledged                             ├─► retry:      copy confirmed ──► ack
///                                                                                └─► deadLetter: copy confirmed ──► ack
/// ```
/// A copy is confirmed before its original is acknowledged, so a crash in between leaves two, never none.
public final class RabbitMQEndpoint: TransportEndpoint {
    /// The deliveries of both queues, as they come; ends after ``stop()``.
    public let deliveries: AsyncStream<TransportDelivery>

    let names: ServiceQueues
    private let description: EndpointDescription
    private let topology: Topology
    private let transport: RabbitMQTransport
    private let copies: AMQPPublisher
    private let output: AsyncStream<TransportDelivery>.Continuation
    private let work: RecoveringDeliveries
    private let due: RecoveringDeliveries
    private let state = Mutex(State())

    private struct State {
        var nextReceipt: UInt64 = 0
        var unsettled: [UInt64: Unsettled] = [:]
        var runningPumps = 0
        var stopping: [UInt64: CheckedContinuation<Void, Never>] = [:]
    }

    /// What is remembered of a delivery until it is settled.
    private struct Unsettled {
        let delivery: Delivery
        let properties: BasicProperties?
        let retry: RetryState
    }

    init(description: EndpointDescription, topology: Topology, transport: RabbitMQTransport) {
        self.description = description
        self.topology = topology
        self.transport = transport
        names = ServiceQueues(service: description.service)
        // Copies have a channel of their own: a closed one fails no event that is being published.
        copies = transport.publishing.makePublisher()
        let prefetch = UInt16(clamping: max(1, description.prefetch))
        work = transport.consuming.consume(names.work, prefetch: prefetch)
        due = transport.consuming.consume(names.due, prefetch: prefetch)
        (deliveries, output) = AsyncStream.makeStream()
    }

    func start(on jobs: AsyncStream<RabbitMQTransport.Job>.Continuation) {
        state.withLock { $0.runningPumps = 2 }
        for source in [work, due] {
            jobs.yield { await self.pump(source) }
        }
    }

    /// Moves the deliveries of one queue to the worker until that queue's consumer is cancelled.
    private func pump(_ source: RecoveringDeliveries) async {
        await withDiscardingTaskGroup { timers in
            do {
                for try await delivery in source {
                    let entry = read(delivery)
                    let remaining = entry.retry.remaining()
                    if remaining > .zero {
                        timers.addTask { await self.wait(entry, for: remaining) }
                    } else {
                        handOut(entry)
                    }
                }
            } catch {
                transport.logger.error(
                    "the consumer of a queue ended", metadata: ["queue": "\(source.queue)", "error": "\(error)"])
            }
            // Held copies are not ours any more once we stop: the broker keeps them for the next consumer.
            timers.cancelAll()
        }
        let isLast = state.withLock { state in
            state.runningPumps -= 1
            return state.runningPumps == 0
        }
        if isLast { output.finish() }
    }

    private func read(_ delivery: Delivery) -> Unsettled {
        let isOwn = delivery.exchange == names.exchange
        let properties = try? delivery.properties()
        return Unsettled(
            delivery: delivery, properties: properties,
            retry: RetryState(properties: properties ?? BasicProperties(), exchange: delivery.exchange, isOwn: isOwn))
    }

    /// An early copy: sent on to the largest rung that still fits, or held here for the rest.
    private func wait(_ entry: Unsettled, for remaining: Duration) async {
        switch transport.topology.rungs.hop(for: remaining) {
        case .due:
            handOut(entry)
        case .timer(let rest):
            do {
                try await Task.sleep(for: rest)
                handOut(entry)
            } catch {
                entry.delivery.nack(requeue: true)
            }
        case .rung(let rung):
            let message = OutgoingMessage(
                exchange: names.exchange, routingKey: ServiceQueues.Key.retry(rung),
                properties: RepublishedCopy.properties(of: entry.properties, changes: []), body: entry.delivery.body)
            do throws(AMQPError) {
                try await copies.publish(message)
                entry.delivery.acknowledge()
            } catch {
                transport.logger.warning(
                    "a waiting message could not be sent on and is held back",
                    metadata: ["queue": "\(names.due)", "error": "\(error)"])
                await mend(error)
                // Held here for one smallest rung rather than spinning between the queue and us.
                try? await Task.sleep(for: transport.topology.rungs.delays.first ?? .seconds(1))
                entry.delivery.nack(requeue: true)
            }
        }
    }

    private func handOut(_ entry: Unsettled) {
        let delivery = entry.delivery
        let content: Result<Envelope, MalformedMessage>
        if delivery.isTruncated {
            content = .failure(
                MalformedMessage(message: "the body exceeds the size limit", id: entry.properties?.messageID))
        } else if let properties = entry.properties {
            let message = ReceivedMessage(
                exchange: delivery.exchange, properties: properties, body: delivery.body,
                isOwn: delivery.exchange == names.exchange)
            content = Result { () throws(MalformedMessage) in try message.envelope() }
        } else {
            content = .failure(MalformedMessage(message: "its properties cannot be decoded", id: nil))
        }
        let receipt = state.withLock { state in
            state.nextReceipt += 1
            state.unsettled[state.nextReceipt] = entry
            return state.nextReceipt
        }
        output.yield(
            TransportDelivery(
                receipt: DeliveryReceipt(epoch: 0, tag: receipt),
                content: content,
                attempts: entry.retry.attempts,
                unhandledCount: entry.retry.unhandledCount,
                deliveryCount: entry.properties?.headers["x-delivery-count"]?.integerValue.map { Int(clamping: $0) }
                    ?? 0,
                isRedelivered: delivery.isRedelivered,
                firstFailedAt: entry.retry.firstFailedAt,
                replayCount: entry.retry.replayCount,
                size: delivery.body.count))
    }

    private func take(_ delivery: TransportDelivery) -> Unsettled? {
        state.withLock { $0.unsettled.removeValue(forKey: delivery.receipt.tag) }
    }

    /// What is to be replaced by a copy; nil when its channel is gone.
    ///
    /// The broker delivers that message again by itself, and a copy would be a second one.
    private func current(_ delivery: TransportDelivery) -> Unsettled? {
        guard let entry = state.withLock({ $0.unsettled[delivery.receipt.tag] }) else { return nil }
        if entry.delivery.isCurrent { return entry }
        _ = take(delivery)
        return nil
    }

    /// Acknowledges a delivery whose outcome is durable.
    public func acknowledge(_ delivery: TransportDelivery) {
        take(delivery)?.delivery.acknowledge()
    }

    /// Hands a delivery back to its queue; not an attempt.
    public func release(_ delivery: TransportDelivery) {
        take(delivery)?.delivery.nack(requeue: true)
    }

    /// Publishes the copy that will be due after `delay`, and acknowledges the original once that is confirmed.
    public func retry(_ delivery: TransportDelivery, after delay: Duration, record: FailureRecord) async throws {
        guard let entry = current(delivery) else { return }
        let key =
            switch transport.topology.rungs.hop(for: delay) {
            case .rung(let rung): ServiceQueues.Key.retry(rung)
            case .timer, .due: ServiceQueues.Key.due
            }
        let dueAt = Timestamp.milliseconds(Date()) + delay.wholeMilliseconds
        var changes = record.headers(
            service: names.service, originExchange: entry.retry.originExchange, origin: transport.origin)
        changes.append((Header.notBefore, .int64(dueAt)))
        changes.append((Header.reason, nil))
        try await replace(delivery, entry, key: key, changes: changes)
    }

    /// Publishes the dead letter, and acknowledges the original once that is confirmed.
    ///
    /// What cannot be published as a copy at all is rejected, and the broker moves it by itself.
    public func deadLetter(
        _ delivery: TransportDelivery, reason: DeadLetterReason, record: FailureRecord
    ) async throws {
        guard let entry = current(delivery) else { return }
        if entry.delivery.isTruncated {
            transport.logger.error(
                "a message over the size limit is left to the broker to dead-letter",
                metadata: ["queue": "\(names.work)"])
            take(delivery)?.delivery.reject(requeue: false)
            return
        }
        var changes = record.headers(
            service: names.service, originExchange: entry.retry.originExchange, origin: transport.origin)
        changes.append((Header.notBefore, nil))
        changes.append((Header.reason, .string(reason.rawValue)))
        try await replace(delivery, entry, key: ServiceQueues.Key.dead, changes: changes)
    }

    private func replace(
        _ delivery: TransportDelivery, _ entry: Unsettled, key: String, changes: [(String, FieldValue?)]
    ) async throws {
        var changes = changes
        if entry.retry.replayCount > 0 {
            changes.append((Header.replayCount, .int64(Int64(entry.retry.replayCount))))
        }
        // Believed only from our own exchange: whatever a publisher put there is not carried on as ours.
        var properties = entry.properties
        if entry.delivery.exchange != names.exchange, let original = properties {
            let forged = original.headers.keys.filter { $0.hasPrefix(Header.prefix) && $0 != Header.causationID }
            for name in forged { properties?.headers[name] = nil }
        }
        var copy = RepublishedCopy.properties(of: properties, changes: changes)
        if copy.messageID == nil, case .success(let envelope) = delivery.content {
            copy.messageID = envelope.id.rawValue
        }
        let message = OutgoingMessage(
            exchange: names.exchange, routingKey: key, properties: copy, body: entry.delivery.body)
        do throws(AMQPError) {
            try await copies.publish(message)
        } catch {
            guard error.code == .invalidArgument else {
                await mend(error)
                throw error
            }
            transport.logger.error(
                "a copy cannot be encoded; the broker moves the message itself",
                metadata: ["queue": "\(names.work)", "error": "\(error)"])
            take(delivery)?.delivery.reject(requeue: false)
            return
        }
        take(delivery)?.delivery.acknowledge()
    }

    /// Makes what a copy needs again, where it was deleted and we may declare.
    private func mend(_ error: AMQPError) async {
        guard error.isMissingTopology, transport.topology.declares else { return }
        let topology = topology
        let logger = transport.logger
        do {
            try await transport.consuming.withConnection { connection in
                try await topology.apply(on: connection, logger: logger)
            }
            logger.notice("topology applied again", metadata: ["service": "\(names.service)"])
        } catch {
            logger.error("topology could not be applied again", metadata: ["error": "\(error)"])
        }
    }

    /// Cancels both consumers; deliveries end once what is buffered was handed out.
    public func stop() async {
        await work.cancel()
        await due.cancel()
    }

    /// Hands back what was never settled, oldest first, so that the queue's order stays.
    public func close() async {
        let rest = state.withLock { state in
            defer { state.unsettled.removeAll() }
            return state.unsettled.sorted { $0.key < $1.key }.map(\.value)
        }
        for entry in rest { entry.delivery.nack(requeue: true) }
        await copies.close()
    }
}
