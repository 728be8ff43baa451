import AMQP
import Harebell
import HarebellRabbitMQ
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(2))) struct SuspectsBesideRetriesTests {
    /// Each time many are taken at once, all suspects behind the first come back, and up to RabbitMQ 4.2 that counts.
    @Test func `retries that are due do not bring suspects nearer to their limit`() async throws {
        let options = TopologyOptions(rungs: RetryRungs(TestSystem.rungs), deliveryLimit: 8)
        try await withVirtualHost { url in
            let connection = try await AMQPConnection.connect(try AMQPConfiguration(uri: url), logger: quietLogger)
            try await Topology.service("email", subscribes: [Paid.eventType], options: options)
                .apply(on: connection, logger: quietLogger)
            let channel = try await connection.openChannel(confirms: true)
            func publish(_ numbers: Range<Int>, key: String) async throws {
                for number in numbers {
                    var properties = BasicProperties()
                    properties.type = "test.paid"
                    properties.messageID = "m\(number)"
                    try await channel.publish(
                        OutgoingMessage(
                            exchange: "email", routingKey: key, properties: properties,
                            body: Array(#"{"loan":"l","number":\#(number)}"#.utf8)))
                }
            }
            try await publish(0..<12, key: "work")
            // Two deaths of a process that had all of them in hand: a limit of 8 makes suspects of them.
            for _ in 0..<2 {
                let holder = try await connection.openChannel()
                for _ in 0..<12 { _ = try #require(try await holder.get("email")) }
                await holder.close()
                try await eventually { try await channel.declareQueue("email", passive: true).messageCount == 12 }
            }
            try await publish(100..<112, key: "due")

            let seen = Seen()
            try await withSystem(url, options: options) { system in
                system.worker("email") { Subscription(to: Paid.self) { event, context in seen.add(event, context) } }
            } body: { _ in
                try await eventually(within: .seconds(60)) { Set(seen.events.map(\.number)).count == 24 }
                #expect(seen.count == 24)
                #expect(try await channel.declareQueue("email.dead", passive: true).messageCount == 0)
            }
            await connection.close()
        }
    }
}
