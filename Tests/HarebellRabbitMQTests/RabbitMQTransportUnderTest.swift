import AMQP
import Harebell
import HarebellDevelopment
import HarebellRabbitMQ
import HarebellTesting
import TestSupport
import Testing

/// The RabbitMQ transport under the conformance suite, in a virtual host of its own.
struct RabbitMQTransportUnderTest: TransportUnderTest {
    let host: TestVirtualHost
    let url: String
    private let options = TestSystem.options

    var clock: WorkerClock { .system }
    var isClockManual: Bool { false }
    /// The largest rung.
    var delay: Duration { .milliseconds(200) }
    var patience: Duration { .seconds(40) }

    func makeTransport() async throws -> RabbitMQTransport {
        var configuration = try AMQPConfiguration(uri: url)
        configuration.connectionName = host.name
        return RabbitMQTransport(configuration: configuration, topology: options, logger: quietLogger)
    }

    func elapse(_ duration: Duration) async throws { try await Task.sleep(for: duration) }

    func depth(of service: ServiceName) async throws -> TransportDepth {
        let names = ServiceQueues(service: service)
        var depth = TransportDepth()
        depth.ready = try await count(names.work) + count(names.due)
        for rung in options.rungs.delays { depth.waiting += try await count(names.rung(rung)) }
        depth.dead = try await count(names.dead)
        return depth
    }

    func deadLetters(of service: ServiceName) async throws -> [StoredDeadLetter] {
        try await withConnection { connection in
            // Unsettled when the connection closes: they go back.
            try await held(of: service, on: connection).map { delivery in
                let letter = DeadLetter(delivery)
                return StoredDeadLetter(
                    id: letter.id, reason: letter.reason.rawValue, body: letter.body, attempts: letter.attempts,
                    errorType: letter.errorType, errorMessage: letter.errorMessage,
                    fingerprint: letter.errorFingerprint, handler: letter.handler,
                    firstFailedAt: letter.firstFailedAt, failedAt: letter.failedAt, replayCount: letter.replayCount,
                    correlationID: letter.correlationID)
            }
        }
    }

    func replayDeadLetters(of service: ServiceName) async throws {
        try await withConnection { connection in
            let channel = try await connection.openChannel(confirms: true)
            for delivery in try await held(of: service, on: connection) {
                try await channel.publish(DeadLetter(delivery).replayMessage(to: service))
                delivery.acknowledge()
            }
        }
    }

    func unrouted() async throws -> [EventID] {
        try await withConnection { connection in
            let channel = try await connection.openChannel()
            var ids: [EventID] = []
            while let delivery = try await channel.get("unrouted") {
                ids.append(EventID(try delivery.properties().messageID ?? ""))
            }
            return ids
        }
    }

    func putMalformed(to service: ServiceName) async throws {
        try await withConnection { connection in
            let channel = try await connection.openChannel(confirms: true)
            // Says that it is a structured CloudEvent, and is none.
            try await channel.publish(
                OutgoingMessage(
                    exchange: service.rawValue, routingKey: "work",
                    properties: BasicProperties(contentType: "application/cloudevents+json"), body: [0xFF, 0x00]))
        }
    }

    func loseConnections() async throws {
        let isOurs: @Sendable (PrivateBroker.ConnectionSummary) -> Bool = { connection in
            connection.clientName?.hasPrefix(host.name) == true
        }
        // The node lists a connection a moment after it is there. Each is to be closed once.
        try await eventually("the connections are listed", within: .seconds(30)) {
            try await host.broker.connections().count(where: isOurs) >= 2
        }
        try await host.broker.closeConnections(where: isOurs)
    }

    func preventStoring(of service: ServiceName) async throws {
        let names = ServiceQueues(service: service)
        try await withConnection { connection in
            let channel = try await connection.openChannel()
            for queue in [names.dead] + options.rungs.delays.map(names.rung) {
                try await channel.deleteQueue(queue)
            }
        }
    }

    /// Nothing to do: the worker declares, and makes again what is gone.
    func allowStoring(of service: ServiceName) async throws {}

    /// All dead letters, in the hands of a connection that gives them back when it closes.
    private func held(of service: ServiceName, on connection: AMQPConnection) async throws -> [Delivery] {
        let channel = try await connection.openChannel()
        var found: [Delivery] = []
        while let delivery = try await channel.get(ServiceQueues(service: service).dead) { found.append(delivery) }
        return found
    }

    private func count(_ queue: String) async throws -> Int {
        try await withConnection { connection in
            do {
                return Int(try await connection.openChannel().declareQueue(queue, passive: true).messageCount)
            } catch let error as AMQPError where error.replyCode == 404 {
                return 0
            }
        }
    }

    private func withConnection<Result: Sendable>(
        _ body: (AMQPConnection) async throws -> Result
    ) async throws -> Result {
        let connection = try await AMQPConnection.connect(try AMQPConfiguration(uri: url), logger: quietLogger)
        do {
            let result = try await body(connection)
            await connection.close()
            return result
        } catch {
            await connection.close()
            throw error
        }
    }
}

@Suite(.timeLimit(.minutes(2))) struct RabbitMQConformanceTests {
    @Test(arguments: ConformanceScenario<RabbitMQTransportUnderTest>.all)
    func `the RabbitMQ transport conforms`(scenario: ConformanceScenario<RabbitMQTransportUnderTest>) async throws {
        try await withVirtualHost { host, url in
            try await scenario.run(on: RabbitMQTransportUnderTest(host: host, url: url))
        }
    }
}
