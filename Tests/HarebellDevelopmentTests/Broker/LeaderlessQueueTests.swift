import AMQP
import TestSupport
import Testing

@testable import HarebellDevelopment

@Suite struct `Queues without a leader` {
    @Test(.timeLimit(.minutes(2))) func `are told from those that have one`() async throws {
        try await withVirtualHost { host, url in
            let connection = try await AMQPConnection.connect(AMQPConfiguration(uri: url), logger: quietLogger)
            let channel = try await connection.openChannel()
            for queue in ["kept", "lost"] {
                try await channel.declareQueue(queue, arguments: ["x-queue-type": "quorum"])
            }
            try await channel.declareQueue("classic")
            try await eventually("the node lists them with their leaders", within: .seconds(30)) {
                let listed = try await host.broker.queues(in: host.name).count
                return try await host.broker.leaderlessQueues(in: host.name).isEmpty && listed == 3
            }
            try await host.broker.evaluate(
                "ra:force_delete_server(quorum_queues, {'\(host.name)_lost', node()}).")
            try await eventually("the loss is known", within: .seconds(30)) {
                try await host.broker.leaderlessQueues(in: host.name) == ["lost"]
            }
            await connection.close()
        }
    }

    @Test func `are named with what to do`() {
        #expect(DevelopmentSystem.advice(leaderless: []) == "their output says why")
        #expect(DevelopmentSystem.advice(leaderless: ["email"]).contains("queue email has no leader"))
        let advice = DevelopmentSystem.advice(leaderless: ["email", "pdf", "partner"])
        #expect(advice.contains("queue email and 2 other queues have no leader"))
        #expect(advice.contains("harebell dev --reset"))
    }
}
