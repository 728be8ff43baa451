import AMQP
import Logging
import TestSupport
import Testing

/// The code of the catalog's landing page, held to the page by a test of the catalogs.
@Suite(.timeLimit(.minutes(2))) struct `Examples of the landing page` {
    private let logger = quietLogger

    private func run(_ uri: String) async throws {
        let client = AMQPClient(configuration: try AMQPConfiguration(uri: uri), logger: logger)
        client.onConnect("topology") { connection in
            let channel = try await connection.openChannel()
            try await channel.declareExchange("loan.paid-out", type: .fanout)
            try await channel.declareQueue("email", arguments: ["x-queue-type": "quorum"])
            try await channel.bindQueue("email", to: "loan.paid-out")
            await channel.close()
        }
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await client.run() }
            group.addTask {
                for try await delivery in client.consume("email", prefetch: 20) {
                    logger.info("a loan was paid out", metadata: ["bytes": "\(delivery.body.count)"])
                    delivery.acknowledge()
                }
            }
            try await client.publish(OutgoingMessage(exchange: "loan.paid-out", routingKey: "", body: Array("{}".utf8)))
            await client.shutdown()
        }
    }

    @Test func `it runs, and ends`() async throws {
        try await withVirtualHost { url in
            try await run(url)
            let connection = try await AMQPConnection.connect(AMQPConfiguration(uri: url), logger: logger)
            let channel = try await connection.openChannel()
            // The consumer may have had it already.
            #expect(try await channel.declareQueue("email", passive: true).messageCount <= 1)
            await connection.close()
        }
    }
}
