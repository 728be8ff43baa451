public import AMQP
public import Harebell
import HarebellRabbitMQ

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// Publishes events for an operator, and says what became of each.
public actor EventPublication {
    /// What became of an event.
    public enum Outcome: Sendable, Hashable {
        /// The broker has it, and at least one subscriber's queue does.
        case confirmed
        /// The broker has it in `unrouted`: nobody subscribes.
        case confirmedWithoutSubscriber
        /// The exchange has neither a subscriber nor an alternate exchange: the event is gone.
        case returned
    }

    private let connection: AMQPConnection
    private let publishing: AMQPChannel
    private let watching: AMQPChannel
    private let watcher: Deliveries?
    private let watchQueue: String
    private let isWatching: Bool

    /// Prepares to publish.
    ///
    /// An alternate exchange counts as routed, so a confirm does not tell whether anybody subscribes. A queue of our
    /// own on `unrouted` does: events and markers of one channel arrive there in order, so once the marker that was
    /// published after an event has arrived, the event has too, or somebody else has it.
    ///
    /// - Throws: `AMQPError`. Where this user may not bind to `unrouted`, outcomes say ``Outcome/confirmed`` only.
    public init(connection: AMQPConnection) async throws {
        self.connection = connection
        publishing = try await connection.openChannel(confirms: true)
        let setup = try await connection.openChannel()
        watchQueue = "harebell.publish.\(UUID().uuidString.lowercased())"
        do {
            _ = try await setup.declareQueue(watchQueue, durable: false, exclusive: true, autoDelete: true)
            try await setup.bindQueue(watchQueue, to: Topology.unroutedName)
            watcher = try await setup.consume(watchQueue, prefetch: 0)
            isWatching = true
        } catch {
            guard error.code == .channelClosed else { throw error }
            watcher = nil
            isWatching = false
        }
        watching = setup
    }

    /// Publishes events in order and waits until the broker has confirmed all of them.
    public func publish(_ envelopes: [Envelope]) async throws -> [Outcome] {
        let results = await publishing.publish(envelopes.map(\.outgoingMessage), deadline: .seconds(30))
        for (envelope, result) in zip(envelopes, results) {
            guard case .failure(let error) = result, error.code != .returned else { continue }
            throw error.replyCode == 404 ? OperationError.noSuchExchange(envelope.type.rawValue) : error
        }
        var unrouted: Set<String> = []
        if isWatching, let watcher { unrouted = try await arrivals(before: watcher) }
        return zip(envelopes, results).map { envelope, result in
            if case .failure = result { return .returned }
            return unrouted.contains(envelope.id.rawValue) ? .confirmedWithoutSubscriber : .confirmed
        }
    }

    /// The ids that came to `unrouted` before a marker published now.
    private func arrivals(before watcher: Deliveries) async throws -> Set<String> {
        let marker = "marker \(UUID().uuidString)"
        var properties = BasicProperties()
        properties.messageID = marker
        // The default exchange routes to our own exclusive queue by its name.
        try await publishing.publish(
            OutgoingMessage(exchange: "", routingKey: watchQueue, properties: properties, body: []),
            deadline: .seconds(10))
        var ids: Set<String> = []
        for try await delivery in watcher {
            delivery.acknowledge()
            guard let id = try? delivery.properties().messageID else { continue }
            if id == marker { break }
            ids.insert(id)
        }
        return ids
    }

    /// Closes both channels.
    public func close() async {
        await publishing.close()
        await watching.close()
    }
}
