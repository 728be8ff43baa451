import Logging
import TestSupport
import Testing

@testable import AMQP

/// The code of the articles about consuming and errors, held to the pages by a test of the catalogs.
@Suite(.timeLimit(.minutes(2))) struct `Examples of consuming` {
    private struct Refused: Error {}

    private let logger = quietLogger
    private let mails = Recorder<[UInt8]>()
    private let later = Recorder<String?>()

    private func sendMail(_ body: [UInt8]) async throws {
        mails.record(body)
        if body.isEmpty { throw Refused() }
    }

    private func store(_ bodies: [[UInt8]]) async throws {
        for body in bodies { mails.record(body) }
    }

    private func publishLater(_ message: OutgoingMessage) async {
        later.record(message.properties.messageID)
    }

    private func oneByOne(_ client: AMQPClient) async throws {
        for try await delivery in client.consume("email", prefetch: 20) {
            do {
                try await sendMail(delivery.body)
                delivery.acknowledge()
            } catch {
                delivery.reject()
            }
        }
    }

    private func severalAtATime(_ client: AMQPClient) async throws {
        try await withThrowingDiscardingTaskGroup { group in
            for try await delivery in client.consume("email", prefetch: 20) {
                group.addTask {
                    try await sendMail(delivery.body)
                    delivery.acknowledge()
                }
            }
        }
    }

    private func inBatches(_ client: AMQPClient) async throws {
        for try await batch in client.consume("email", prefetch: 500).batches(upTo: 100) {
            try await store(batch.map(\.body))
            batch.acknowledge()
        }
    }

    private func decode(_ delivery: Delivery) {
        do {
            let properties = try delivery.properties()
            logger.info("a message", metadata: ["id": "\(properties.messageID ?? "-")"])
        } catch {
            delivery.reject()
        }
    }

    private func look(_ channel: AMQPChannel) async throws {
        if let delivery = try await channel.get("email.dead") {
            logger.info("looked at", metadata: ["bytes": "\(delivery.body.count)"])
            delivery.nack(requeue: true)
        }
    }

    private func publish(_ client: AMQPClient, _ message: OutgoingMessage) async throws {
        do {
            try await client.publish(message)
        } catch {
            switch error.code {
            case .returned: logger.error("nobody listens", metadata: ["error": "\(error)"])
            case _ where error.isRetriable: await publishLater(message)
            default: throw error
            }
        }
    }

    /// Runs a consumer until every message was handled, then cancels it.
    private func run(
        _ name: String, _ client: AMQPClient, bodies: [[UInt8]],
        _ consumer: @escaping @Sendable (AMQPClient) async throws -> Void
    ) async throws {
        let before = mails.values.count
        try await withThrowingTaskGroup(of: Void.self) { group in
            for body in bodies { try await client.publish(.test(body, exchange: "", key: "email")) }
            group.addTask { try await consumer(client) }
            try await eventually("\(name) has handled all") { mails.values.count == before + bodies.count }
            group.cancelAll()
        }
        try await eventually("\(name) has settled all") {
            try await client.withChannel { try await $0.declareQueue("email", passive: true).messageCount } == 0
        }
    }

    @Test func `all of them consume`() async throws {
        try await withVirtualHost { url in
            try await withClient(try AMQPConfiguration(uri: url)) { client in
                try await client.withChannel { channel in
                    try await channel.declareQueue("email")
                    try await channel.declareQueue("email.dead")
                }
                try await run("one by one", client, bodies: [[1], [], [2]], oneByOne)
                try await run("several at a time", client, bodies: [[1], [2], [3]], severalAtATime)
                try await run("in batches", client, bodies: [[1], [2], [3]], inBatches)
                try await client.publish(.test(exchange: "", key: "email.dead", id: "D"))
                try await client.withChannel { channel in
                    try await look(channel)
                    let delivery = try await eventualValue("the message again") { try await channel.get("email.dead") }
                    decode(delivery)
                    #expect(delivery.acknowledge())
                }
            }
        }
    }

    @Test func `errors are told apart`() async throws {
        try await withVirtualHost { url in
            try await withClient(try AMQPConfiguration(uri: url)) { client in
                try await client.withChannel { channel in
                    _ = try await channel.declareQueue(
                        "full", arguments: ["x-max-length": 1, "x-overflow": "reject-publish"])
                }
                try await publish(client, .test(exchange: "", key: "nowhere"))
                try await publish(client, .test(exchange: "", key: "full", id: "first"))
                try await publish(client, .test(exchange: "", key: "full", id: "second"))
                #expect(later.values == ["second"])
                let error = await failure { try await publish(client, .test(exchange: "nowhere")) }
                #expect(error?.code == .channelClosed)
            }
        }
    }
}
