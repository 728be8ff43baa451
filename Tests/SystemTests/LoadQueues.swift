import AMQP
import Harebell
import HarebellRabbitMQ
import TestSupport

/// The queues of a virtual host, asked by passive declares: the management API is seconds behind.
struct LoadQueues: Sendable {
    private let url: String

    init(url: String) { self.url = url }

    /// How many messages wait on a service's retry rungs.
    func waitingForRetry(_ service: ServiceName) async throws -> Int {
        let queues = ServiceQueues(service: service)
        return try await messages(RetryRungs.default.delays.map { queues.rung($0) })
    }

    /// How many messages of a service wait to be handled, now or later.
    func waiting(_ service: ServiceName) async throws -> Int {
        let queues = ServiceQueues(service: service)
        return try await messages([queues.work, queues.due]) + (try await waitingForRetry(service))
    }

    /// How many messages a service has given up.
    func dead(_ service: ServiceName) async throws -> Int {
        try await messages([ServiceQueues(service: service).dead])
    }

    /// How many consumers the work queues of services have; 0 while a queue does not exist.
    func consumers(of services: [ServiceName]) async throws -> Int {
        do {
            return try await states(services.map { ServiceQueues(service: $0).work })
                .reduce(0) { $0 + Int($1.consumerCount) }
        } catch let error as AMQPError where error.replyCode == 404 {
            return 0
        }
    }

    private func messages(_ queues: [String]) async throws -> Int {
        try await states(queues).reduce(0) { $0 + Int($1.messageCount) }
    }

    private func states(_ queues: [String]) async throws -> [QueueState] {
        let connection = try await AMQPConnection.connect(AMQPConfiguration(uri: url), logger: quietLogger)
        do {
            let channel = try await connection.openChannel()
            var states: [QueueState] = []
            for queue in queues { states.append(try await channel.declareQueue(queue, passive: true)) }
            await connection.close()
            return states
        } catch {
            await connection.close()
            throw error
        }
    }
}
