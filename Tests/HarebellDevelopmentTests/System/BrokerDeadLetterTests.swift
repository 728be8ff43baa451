import AMQP
import Harebell
import HarebellRabbitMQ
import LoanEvents
import TestSupport
import Testing

@testable import HarebellDevelopment

@Suite struct `Dead letters that the broker moved` {
    @Test(.timeLimit(.minutes(1)))
    func `are announced like those of a service, and those of a service are not announced again`() async throws {
        try await withVirtualHost { url in
            let connection = try await AMQPConnection.connect(AMQPConfiguration(uri: url), logger: quietLogger)
            try await Topology(LoanServices.partner).apply(on: connection, logger: quietLogger)
            let watcher = try BrokerDeadLetters(url: url, services: ["partner"], logger: quietLogger)
            let (events, continuation) = AsyncStream.makeStream(of: DevelopmentEvent.self)
            let announced = try await withThrowingTaskGroup(of: Void.self, returning: DevelopmentEvent?.self) { group in
                group.addTask { await watcher.run { continuation.yield($0) } }
                defer { group.cancelAll() }
                try await watcher.client.waitUntilConnected(timeout: .seconds(20))
                let channel = try await connection.openChannel(confirms: true)
                // What a service gave up says so; it comes first, so that announcing it would be seen.
                try await channel.publish(
                    Self.message("written", headers: ["harebell-reason": "permanent"], key: "dead"))
                try await channel.publish(Self.message("killer", headers: [:], key: "work"))
                try await eventually("the broker to give up", within: .seconds(30)) {
                    try await channel.get("partner")?.reject(requeue: true)
                    return try await channel.declareQueue("partner.dead", passive: true).messageCount == 2
                }
                return await events.first { _ in true }
            }
            guard case .deadLettered(let service, let id, let type, let reason, let error) = announced else {
                Issue.record("\(String(describing: announced))")
                return
            }
            #expect([service, id, type, reason] == ["partner", "killer", "loan.paid-out", "crash"])
            #expect(error.contains("died again and again"))
            await connection.close()
        }
    }

    private static func message(_ id: String, headers: FieldTable, key: String) -> OutgoingMessage {
        var properties = BasicProperties()
        properties.headers = headers
        properties.deliveryMode = 2
        properties.messageID = id
        properties.type = "loan.paid-out"
        return OutgoingMessage(
            exchange: "partner", routingKey: key, properties: properties, body: Array("{}".utf8))
    }
}
