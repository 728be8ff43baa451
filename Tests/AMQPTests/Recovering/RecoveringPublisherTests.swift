import NIOConcurrencyHelpers
import TestSupport
import Testing

@testable import AMQP

@Suite(.timeLimit(.minutes(3))) struct `Recovering publishers` {
    @Test func `one that is closed while its channel is being opened leaves no channel behind`() async throws {
        try await withScriptedBroker { method in
            (method.classID, method.methodID) == (85, 10) ? [] : ScriptedBroker.wellBehaved(method)
        } _: { broker, configuration in
            var configuration = configuration
            configuration.heartbeat = .zero
            try await withClient(configuration) { client in
                let publisher = client.makePublisher()
                let publishing = Task { await failure { try await publisher.publish(.test()) } }
                try await eventually("a channel is being opened") {
                    broker.received.values.contains { $0.classID == 85 }
                }
                await publisher.close()
                #expect(await publishing.value?.code == .closed)
                broker.send(BrokerBytes.confirmSelectOK(1))
                try await eventually("the channel is closed") {
                    broker.received.values.contains { ($0.classID, $0.methodID) == (20, 40) }
                }
            }
        }
    }

    @Test func `one message at a time goes on when the one before it is late`() async throws {
        /// The channels on which something was published, and how much.
        let published = NIOLockedValueBox<[Int]>([])
        try await withScriptedBroker { method in
            switch (method.classID, method.methodID) {
            case (20, 10):
                published.withLockedValue { $0.append(0) }
                return ScriptedBroker.wellBehaved(method)
            case (60, 40):
                let (channels, count) = published.withLockedValue { published in
                    published[published.count - 1] += 1
                    return (published.count, published[published.count - 1])
                }
                // An error that names no exchange: each of the three may be to blame, and is tried alone.
                if channels == 1 { return count == 3 ? BrokerBytes.close(406, "GONE", on: method.channel) : [] }
                return count == 1 ? [] : BrokerBytes.ack(method.channel, UInt64(count))
            default: return ScriptedBroker.wellBehaved(method)
            }
        } _: { _, configuration in
            var configuration = configuration
            configuration.heartbeat = .zero
            try await withClient(configuration) { client in
                let told = Recorder<AMQPError?>()
                let late = Task { await failure { try await client.publish(.test(), deadline: .seconds(2)) } }
                try await eventually("the first is sent") { published.withLockedValue { $0.last } == 1 }
                try await withThrowingTaskGroup(of: Void.self) { group in
                    for _ in 0..<2 {
                        group.addTask { told.record(await failure { try await client.publish(.test()) }) }
                    }
                    // Well before their own deadline of 30 s.
                    try await eventually("the others are confirmed", within: .seconds(10)) { told.values.count == 2 }
                    try await group.waitForAll()
                }
                #expect(told.values.allSatisfy { $0 == nil })
                #expect(await late.value?.code == .timedOut)
                #expect(published.withLockedValue { $0 } == [3, 3])
            }
        }
    }

    @Test func `a task that was cancelled sends the messages of others all the same`() async throws {
        try await withScriptedBroker(reacting: Reaction.wellBehaved) { _, configuration in
            let connection = try await AMQPConnection.connect(configuration, logger: quietLogger)
            let channel = try await connection.openChannel(confirms: true)
            let told = Recorder<AMQPError?>()
            await Task {
                withUnsafeCurrentTask { $0?.cancel() }
                let effects = channel.publish(
                    .test(), waiterID: WaiterID.next(), deadline: nil, listener: ClosureListener { told.record($0) })
                connection.core.run(effects)
            }.value
            try await eventually("it is told") { !told.values.isEmpty }
            #expect(told.values.map { $0?.code } == [nil])
            await connection.close()
        }
    }

    @Test func `what is acknowledged after the goodbye is not settled, and told so`() async throws {
        let tag = Recorder<String>()
        try await withScriptedBroker(reacting: { call in
            switch (call.method.classID, call.method.methodID) {
            case (60, 20):
                tag.record(call.consumerTag)
                return Reaction.wellBehaved(call)
            case (10, 50): return .nothing
            default: return Reaction.wellBehaved(call)
            }
        }) { broker, configuration in
            let connection = try await AMQPConnection.connect(configuration, logger: quietLogger)
            let deliveries = try await connection.openChannel().consume("queue", prefetch: 1)
            broker.send(BrokerBytes.deliver(1, tag: try #require(tag.values.first), 1, body: []))
            var iterator = deliveries.makeAsyncIterator()
            let delivery = try #require(try await iterator.next())
            async let closed: Void = connection.close(deadline: .milliseconds(500))
            try await eventually("the goodbye was said") { !connection.isOpen }
            #expect(!delivery.acknowledge())
            await closed
        }
    }
}
