public import AMQP
public import Harebell
public import HarebellRabbitMQ

/// A service's dead-letter queue, for an operator: to look at, and to replay from.
///
/// Looking never removes, reorders or alters a message; the broker's redelivery marks do change. There is one reader
/// at a time, over all connections. Messages are fetched one by one until the queue is empty or a limit is reached,
/// and handed back so that the queue's order stays.
public struct DeadLetterQueue: Sendable {
    /// Messages held at most.
    public static let maximumHeld = 1_000
    /// Bytes of bodies held at most.
    public static let maximumHeldBytes = 64 * 1024 * 1024

    /// The service whose dead letters these are.
    public let service: ServiceName
    /// The queue's name.
    public var name: String { ServiceQueues(service: service).dead }
    let connection: AMQPConnection

    /// The dead letters of `service`, over a connection that may read its dead-letter queue.
    public init(service: ServiceName, connection: AMQPConnection) {
        self.service = service
        self.connection = connection
    }

    /// What a look saw.
    public struct Listing: Sendable {
        /// The dead letters, oldest first.
        public let letters: [DeadLetter]
        /// How many the queue held when the look began.
        public let total: Int
    }

    /// Looks at up to `limit` dead letters, oldest first, and hands them back.
    ///
    /// - Parameter limit: Messages to look at; never more than ``maximumHeld``, nor ``maximumHeldBytes`` of them.
    /// - Throws: ``OperationError`` when somebody else is reading or the queue does not exist; `AMQPError` otherwise.
    public func list(limit: Int = maximumHeld) async throws -> Listing {
        try await withReader { reader in
            var letters: [DeadLetter] = []
            while letters.count < limit, let delivery = try await reader.next() {
                letters.append(DeadLetter(delivery))
            }
            return Listing(letters: letters, total: reader.total)
        }
    }

    /// Looks for the dead letters whose id begins with `prefix`.
    ///
    /// - Parameter prefix: The event's id, or its beginning.
    public func find(_ prefix: String) async throws -> Listing {
        let listing = try await list()
        return Listing(letters: listing.letters.filter { $0.id?.hasPrefix(prefix) ?? false }, total: listing.total)
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
