import NIOCore
import TestSupport
import Testing

@testable import AMQP

/// Peers that say nothing, or only that they are alive.
@Suite(.timeLimit(.minutes(3))) struct `Silence` {
    typealias Bytes = BrokerBytes

    /// One second between heartbeats: two of silence are the limit.
    private func silent(until step: Reaction.Step) -> Reaction.Script {
        Reaction.wellBehaved(until: step) { _ in .nothing }
    }

    @Test func `a peer that falls silent is given up after two heartbeats, and the next host is used`() async throws {
        try await withLiar(silent(until: .purge)) { liar, good, configuration in
            var configuration = configuration
            configuration.heartbeat = .seconds(1)
            try await withClient(configuration) { client in
                let start = ContinuousClock.now
                let error = await failure {
                    try await client.withConnection { _ = try await $0.openChannel().purgeQueue("queue") }
                }
                let took = ContinuousClock.now - start
                #expect(error?.code == .connectionClosed)
                #expect(error?.message.contains("silent for two heartbeat intervals") == true)
                #expect(took > .milliseconds(1900))
                #expect(took < .seconds(3) + schedulingAllowance)
                try await eventually("the other host is used") { good.connectionCount > 0 }
                #expect(liar.received.values.contains { $0.methodID == 30 })
            }
        }
    }

    @Test func `a body that stops in the middle is noticed by the silence`() async throws {
        try await withLiar(
            Reaction.wellBehaved(until: .purge) { _ in
                .send(Bytes.deliverMethod(1, tag: "t", 1) + Bytes.header(1, size: 10 << 30) + Bytes.frame(3, 1, [1]))
            }
        ) { _, good, configuration in
            var configuration = configuration
            configuration.heartbeat = .seconds(1)
            try await withClient(configuration) { client in
                let error = await failure {
                    try await client.withConnection { _ = try await $0.openChannel().purgeQueue("queue") }
                }
                #expect(error?.message.contains("silent for two heartbeat intervals") == true)
                try await eventually("the other host is used") { good.connectionCount > 0 }
            }
        }
    }

    @Test func `a peer that only heartbeats fails calls and publishes at their deadlines, and can be left`()
        async throws
    {
        try await withScriptedBroker(
            reacting: { call in
                switch (call.method.classID, call.method.methodID) {
                case (60, 40), (50, 30), (20, 40), (10, 50): .nothing
                default: Reaction.wellBehaved(call)
                }
            }
        ) { broker, configuration in
            var configuration = configuration
            configuration.heartbeat = .seconds(1)
            configuration.rpcTimeout = .milliseconds(2500)
            let connection = try await AMQPConnection.connect(configuration, logger: quietLogger)
            let channel = try await connection.openChannel(confirms: true)
            let alive = broker.keepSending(Bytes.heartbeat, every: .milliseconds(300))
            defer { alive.cancel() }
            async let published = failure { try await channel.publish(.test(), deadline: .milliseconds(300)) }
            async let called = failure { try await channel.purgeQueue("queue") }
            #expect(await published?.code == .timedOut)
            let late = await called
            #expect(late?.code == .timedOut)
            #expect(late?.message.contains("did not answer in time") == true)
            #expect(connection.isOpen)
            let start = ContinuousClock.now
            await connection.close(deadline: .milliseconds(300))
            #expect(ContinuousClock.now - start < .milliseconds(300) + schedulingAllowance)
            #expect(!connection.isOpen)
        }
    }

    @Test func `a channel whose close is not answered is waited for no longer than a call`() async throws {
        try await withScriptedBroker(reacting: silent(until: .closeChannel)) { _, configuration in
            var configuration = configuration
            configuration.heartbeat = .zero
            configuration.rpcTimeout = .seconds(1)
            let connection = try await AMQPConnection.connect(configuration, logger: quietLogger)
            let channel = try await connection.openChannel()
            let start = ContinuousClock.now
            await channel.close()
            #expect(ContinuousClock.now - start < .seconds(1) + schedulingAllowance)
            let next = try await connection.openChannel()
            #expect(next.number != channel.number)
            await connection.close()
        }
    }

    @Test func `a broker that blocks for ever fails publishes at their deadline and lets the client go`() async throws {
        try await withScriptedBroker(
            reacting: Reaction.wellBehaved(until: .openChannel) {
                .send(Bytes.channelOpenOK($0.channel) + Bytes.blocked("low on disk"))
            }
        ) { _, configuration in
            var configuration = configuration
            configuration.heartbeat = .zero
            try await withClient(configuration) { client in
                let error = await failure { try await client.publish(.test(), deadline: .milliseconds(400)) }
                #expect(error?.code == .timedOut)
                let waiting = Task { await failure { try await client.publish(.test()) } }
                try await eventually("it is known") { if case .blocked = client.state { true } else { false } }
                waiting.cancel()
                #expect(await waiting.value?.code == .cancelled)
                let start = ContinuousClock.now
                await client.shutdown()
                #expect(ContinuousClock.now - start < .seconds(5) + schedulingAllowance)
            }
        }
    }
}
