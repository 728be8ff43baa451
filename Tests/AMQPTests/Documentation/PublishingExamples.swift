import Logging
import TestSupport
import Testing

@testable import AMQP

/// The code of the article about publishing, held to the page by a test of the catalogs.
@Suite(.timeLimit(.minutes(2))) struct `Examples of publishing` {
    private let logger = quietLogger

    private func publish(_ client: AMQPClient, loanID: String, body: [UInt8]) async throws {
        var properties = BasicProperties(contentType: "application/json", messageID: loanID, type: "loan.paid-out")
        properties.isPersistent = true
        try await client.publish(
            OutgoingMessage(exchange: "loan.paid-out", routingKey: "", properties: properties, body: body))
    }

    private func publish(_ message: OutgoingMessage, on connection: AMQPConnection) async throws -> AMQPChannel {
        let channel = try await connection.openChannel(confirms: true)
        try await channel.publish(message, deadline: .seconds(5))
        return channel
    }

    private func publish(_ messages: [OutgoingMessage], on channel: AMQPChannel) async {
        let outcomes = await channel.publish(messages, deadline: .seconds(30))
        for (message, outcome) in zip(messages, outcomes) {
            if case .failure(let error) = outcome {
                logger.error(
                    "not published", metadata: ["id": "\(message.properties.messageID ?? "-")", "error": "\(error)"])
            }
        }
    }

    private func publishOnItsThread(_ messages: [OutgoingMessage], _ client: AMQPClient) async throws {
        try await withTaskExecutorPreference(client.taskExecutor) {
            try await withThrowingTaskGroup(of: Void.self) { group in
                for message in messages {
                    group.addTask { try await client.publish(message) }
                }
                try await group.waitForAll()
            }
        }
    }

    private func publishAlone(_ message: OutgoingMessage, _ client: AMQPClient) async throws {
        let publisher = client.makePublisher()
        try await publisher.publish(message)
        await publisher.close()
    }

    @Test func `all of them publish`() async throws {
        try await withVirtualHost { url in
            try await withClient(try AMQPConfiguration(uri: url)) { client in
                try await client.withChannel { channel in
                    try await channel.declareExchange("loan.paid-out", type: .fanout)
                    try await channel.declareQueue("email", arguments: ["x-queue-type": "quorum"])
                    try await channel.bindQueue("email", to: "loan.paid-out")
                }
                try await publish(client, loanID: "L1", body: [1])
                let message = OutgoingMessage.test(exchange: "loan.paid-out", id: "L2")
                try await client.withConnection { connection in
                    let channel = try await publish(message, on: connection)
                    await publish([message, .test(exchange: "", key: "nowhere"), message], on: channel)
                }
                try await publishOnItsThread([message, message], client)
                try await publishAlone(message, client)
                try await client.withChannel { channel in
                    let first = try #require(try await channel.get("email"))
                    #expect(try first.properties().messageID == "L1")
                    #expect(try first.properties().isPersistent)
                    #expect(try first.properties().contentType == "application/json")
                    #expect(try await channel.purgeQueue("email") == 6)
                }
            }
        }
    }
}
