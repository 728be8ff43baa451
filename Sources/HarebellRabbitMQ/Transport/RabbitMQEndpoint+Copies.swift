import AMQP
@_spi(HarebellTransports) public import Harebell
import Logging

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// Retries and dead letters: a copy is confirmed before its original is acknowledged.
extension RabbitMQEndpoint {
    /// What is to be replaced by a copy; nil when its channel is gone.
    ///
    /// The broker delivers that message again by itself, and a copy would be a second one.
    private func current(_ delivery: TransportDelivery) -> Unsettled? {
        guard let entry = state.read({ $0.unsettled[delivery.receipt.tag] }) else { return nil }
        if entry.delivery.isCurrent { return entry }
        settle(delivery) { _ in }
        return nil
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
        try await replace(delivery, entry, key: key, changes: changes, as: .retried, record)
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
            settle(delivery) { $0.delivery.reject(requeue: false) }
            report(.deadLettered, of: entry, record)
            return
        }
        var changes = record.headers(
            service: names.service, originExchange: entry.retry.originExchange, origin: transport.origin)
        changes.append((Header.notBefore, nil))
        changes.append((Header.reason, .string(reason.rawValue)))
        try await replace(
            delivery, entry, key: ServiceQueues.Key.dead, changes: changes, as: .deadLettered, record)
    }

    /// Tells the operator who sent a canary what became of it, once that is durable; if he has gone, it goes nowhere.
    func report(_ outcome: CanaryReport.Outcome, of entry: Unsettled, _ record: FailureRecord? = nil) {
        guard let token = entry.retry.canary else { return }
        let id = (try? entry.content.get())?.id.rawValue ?? entry.properties?.messageID
        let message = CanaryReport(outcome, id: id, record: record).message(exchange: names.exchange, token: token)
        transport.perform { [copies, logger = transport.logger] in
            do throws(AMQPError) {
                try await copies.publish(message, deadline: .seconds(5))
            } catch {
                logger.info("the report of a canary was not sent", metadata: ["error": "\(error)"])
            }
        }
    }

    private func replace(
        _ delivery: TransportDelivery, _ entry: Unsettled, key: String, changes: [(String, FieldValue?)],
        as outcome: CanaryReport.Outcome, _ record: FailureRecord
    ) async throws {
        var changes = changes
        if entry.retry.replayCount > 0 {
            changes.append((Header.replayCount, .int64(Int64(entry.retry.replayCount))))
        }
        // Its first outcome is told; what follows is nobody's question.
        if entry.retry.canary != nil { changes.append((Header.canary, nil)) }
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
            settle(delivery) { $0.delivery.reject(requeue: false) }
            report(.deadLettered, of: entry, record)
            return
        }
        settle(delivery) { $0.delivery.acknowledge() }
        report(outcome, of: entry, record)
    }

    /// Makes what a copy needs again, where it was deleted and we may declare.
    func mend(_ error: AMQPError) async {
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
}
