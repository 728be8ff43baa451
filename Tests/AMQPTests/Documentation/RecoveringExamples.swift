import Logging
import TestSupport
import Testing

@testable import AMQP

/// The code of the article about recovering, held to the page by a test of the catalogs.
@Suite(.timeLimit(.minutes(2))) struct `Examples of recovering` {
    private let logger = quietLogger
    private let mails = Recorder<[UInt8]>()

    private func sendMail(_ body: [UInt8]) async throws {
        mails.record(body)
    }

    private func run(_ configuration: AMQPConfiguration) async throws {
        let recovery = RecoveryPolicy(initialDelay: .milliseconds(200), maximumDelay: .seconds(2))
        let client = AMQPClient(configuration: configuration, recovery: recovery, logger: logger)
        client.onConnect("topology") { connection in
            let channel = try await connection.openChannel()
            try await channel.declareQueue("email", arguments: ["x-queue-type": "quorum"])
            await channel.close()
        }
        try await client.run()
    }

    private func consume(_ client: AMQPClient) async throws {
        let deliveries = client.consume("email", prefetch: 20)
        for try await delivery in deliveries {
            try await sendMail(delivery.body)
            delivery.acknowledge()
        }
    }

    private func end(_ client: AMQPClient, _ deliveries: RecoveringDeliveries) async {
        await deliveries.cancel()
        await client.shutdown()
    }

    /// A quorum queue that is short of time on a busy machine nacks, which means: publish again later.
    private func publish(_ body: [UInt8], with client: AMQPClient) async throws {
        while true {
            do throws(AMQPError) {
                return try await client.publish(.test(body, exchange: "", key: "email"))
            } catch {
                guard error.code == .nacked else { throw error }
                try await Task.sleep(for: .milliseconds(100))
            }
        }
    }

    @Test func `a client runs, another consumes over a lost connection, and both end`() async throws {
        try await withVirtualHost { url in
            let configuration = try AMQPConfiguration(uri: url)
            try await withClient(configuration) { client in
                try await client.waitUntilConnected(timeout: .seconds(30))
                try await withThrowingTaskGroup(of: Void.self) { group in
                    group.addTask { try await run(configuration) }
                    try await eventually("the queue is there") {
                        (try? await client.withChannel { try await $0.declareQueue("email", passive: true) }) != nil
                    }
                    group.addTask { try await consume(client) }
                    try await publish([1], with: client)
                    try await eventually("the first came") { mails.values.contains([1]) }
                    try await client.withConnection { await $0.close() }
                    try await publish([2], with: client)
                    try await eventually("the second came") { mails.values.contains([2]) }
                    group.cancelAll()
                }
                await end(client, client.consume("email", prefetch: 1))
            }
        }
    }
}
