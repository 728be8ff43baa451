public import AMQP
public import Harebell
public import HarebellRabbitMQ

/// A service's dead-letter queue, or the queue of unrouted events, for an operator: to look at, and to replay from.
///
/// Looking never removes, reorders or alters a message; the broker's redelivery marks do change. There is one reader
/// at a time, over all connections. Messages are fetched one by one until the queue is empty or a limit is reached,
/// and handed back so that the queue's order stays.
public struct DeadLetterQueue: Sendable {
    /// Messages held at most.
    public static let maximumHeld = 1_000
    /// Bytes of bodies held at most.
    public static let maximumHeldBytes = 64 * 1024 * 1024

    /// What lies in a queue, and where it goes when it is replayed.
    public enum Kind: Sendable, Hashable {
        /// What a service gave up, or the broker moved for it: to that service only.
        case service(ServiceName)
        /// Events that were published while nobody subscribed: to all who do by now.
        case unrouted
    }

    /// What lies in it.
    public let kind: Kind
    /// The queue's name.
    public var name: String {
        switch kind {
        case .service(let service): ServiceQueues(service: service).dead
        case .unrouted: Topology.unroutedName
        }
    }
    let connection: AMQPConnection

    /// The dead letters of `service`, over a connection that may read its dead-letter queue.
    public init(service: ServiceName, connection: AMQPConnection) {
        self.init(.service(service), connection: connection)
    }

    /// A queue of this kind, over a connection that may read it.
    public init(_ kind: Kind, connection: AMQPConnection) {
        self.kind = kind
        self.connection = connection
    }

    func letter(_ delivery: Delivery) -> DeadLetter {
        switch kind {
        case .service: DeadLetter(delivery)
        case .unrouted: DeadLetter(unrouted: delivery)
        }
    }

    /// What a look saw.
    public struct Listing: Sendable {
        /// The dead letters, oldest first.
        public let letters: [DeadLetter]
        /// How many were looked at: no more than can be held.
        public let looked: Int
        /// How many the queue held when the look began.
        public let total: Int
    }

    /// How many messages it holds that nobody has in hand.
    ///
    /// - Throws: ``OperationError`` when the queue does not exist; `AMQPError` otherwise.
    public func count() async throws -> Int { try await state(of: name).messages }

    /// How many messages a queue holds that nobody has in hand, and how many consumers it has.
    func state(of queue: String) async throws -> (messages: Int, consumers: Int) {
        let channel = try await connection.openChannel()
        do throws(AMQPError) {
            let state = try await channel.declareQueue(queue, passive: true)
            await channel.close()
            return (Int(state.messageCount), Int(state.consumerCount))
        } catch {
            await channel.close()
            throw error.replyCode == 404 ? OperationError.noSuchQueue(queue) : error
        }
    }

    /// Looks at up to `limit` dead letters, oldest first, and hands them back.
    ///
    /// - Parameter limit: Messages to look at; never more than ``maximumHeld``, nor ``maximumHeldBytes`` of them.
    /// - Throws: ``OperationError`` when somebody else is reading or the queue does not exist; `AMQPError` otherwise.
    public func list(limit: Int = maximumHeld) async throws -> Listing {
        try await withReader { reader in
            var letters: [DeadLetter] = []
            while letters.count < limit, let delivery = try await reader.next() {
                letters.append(letter(delivery))
            }
            return Listing(letters: letters, looked: letters.count, total: reader.total)
        }
    }

    /// Looks for the dead letters whose id begins with one of these, among as many as can be held.
    ///
    /// - Parameter prefixes: The events' ids, or their beginnings.
    public func find(_ prefixes: [String]) async throws -> Listing {
        let listing = try await list()
        let letters = listing.letters.filter { letter in
            letter.id.map { id in prefixes.contains { id.hasPrefix($0) } } ?? false
        }
        return Listing(letters: letters, looked: listing.looked, total: listing.total)
    }

    /// Reads the queue as its only reader; whatever `body` does not settle is handed back.
    func withReader<R: Sendable>(_ body: (DeadLetterReader) async throws -> R) async throws -> R {
        let reader = try await DeadLetterReader.open(self)
        do {
            let result = try await body(reader)
            await reader.close()
            return result
        } catch {
            await reader.close()
            throw error
        }
    }
}
