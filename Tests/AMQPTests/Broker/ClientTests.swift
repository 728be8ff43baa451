import HarebellDevelopment
import InMemoryLogging
import Logging
import NIOConcurrencyHelpers
import TestSupport
import Testing

@testable import AMQP

/// Runs a test with a running client, which is shut down afterwards.
func withClient<R: Sendable>(
    _ configuration: AMQPConfiguration,
    recovery: RecoveryPolicy = RecoveryPolicy(initialDelay: .milliseconds(50), maximumDelay: .milliseconds(500)),
    logger: Logger = quietLogger, prepare: (AMQPClient) -> Void = { _ in }, _ body: (AMQPClient) async throws -> R
) async throws -> R {
    let client = AMQPClient(configuration: configuration, recovery: recovery, logger: logger)
    prepare(client)
    return try await withThrowingTaskGroup(of: Void.self, returning: R.self) { group in
        group.addTask { try await client.run() }
        do {
            let result = try await body(client)
            await client.shutdown()
            try await group.waitForAll()
            return result
        } catch {
            group.cancelAll()
            throw error
        }
    }
}

@Suite(.timeLimit(.minutes(3))) struct `Client` {
    @Test func `in an orderly end nothing is subscribed to again`() async throws {
        try await withVirtualHost { url in
            try await withClient(try AMQPConfiguration(uri: url)) { client in
                try await client.waitUntilConnected(timeout: .seconds(30))
                client.beginShutdown()
                let error = await #expect(throws: AMQPError.self) { try await client.connection(isToConsume: true) }
                #expect(error?.code == .closed)
            }
        }
    }

    @Test func `it connects, works and shuts down`() async throws {
        try await withVirtualHost { url in
            let configuration = try AMQPConfiguration(uri: url)
            let client = try await withClient(configuration) { client in
                try await client.waitUntilConnected(timeout: .seconds(20))
                #expect(client.state.isConnected)
                let queue = try await client.withChannel { try await $0.declareTestQueue() }
                try await client.publish(.test([3], exchange: "", key: queue))
                #expect(try await client.withChannel { try await $0.get(queue)?.body } == [3])
                return client
            }
            guard case .closed = client.state else { return #expect(Bool(false), "\(client.state)") }
            #expect(await failure { try await client.publish(.test()) }?.code == .closed)
            #expect(await failure { try await client.withChannel { _ in } }?.code == .closed)
        }
    }

    @Test func `a refused login is told by the state, and waiting for it ends in time`() async throws {
        try await withVirtualHost { url in
            var configuration = try AMQPConfiguration(uri: url)
            configuration.credentials = .plain(username: "nobody", password: "wrong")
            try await withClient(configuration) { client in
                let error = await failure { try await client.waitUntilConnected(timeout: .seconds(5)) }
                #expect(error?.code == .timedOut)
                guard case .connecting(let last?) = client.state else { return #expect(Bool(false), "\(client.state)") }
                #expect(last.code == .authenticationRefused)
                #expect(!"\(last)".contains("wrong"))
            }
        }
    }

    @Test func `actions run in order at each connect, before anything else`() async throws {
        let log = Recorder<String>()
        try await withScriptedBroker { broker, configuration in
            var configuration = configuration
            configuration.heartbeat = .zero
            try await withClient(configuration) { client in
                client.onConnect("one") { _ in log.record("one") }
                client.onConnect("two") { _ in log.record("two") }
            } _: { client in
                try await client.waitUntilConnected(timeout: .seconds(20))
                #expect(log.values == ["one", "two"])
                broker.hangUp()
                try await eventually("connected again") { log.values.count == 4 }
                #expect(log.values == ["one", "two", "one", "two"])
            }
        }
    }

    @Test func `an action that throws is repeated, and nothing uses the connection before`() async throws {
        let attempts = NIOLockedValueBox(0)
        try await withScriptedBroker { _, configuration in
            var configuration = configuration
            configuration.heartbeat = .zero
            try await withClient(configuration) { client in
                client.onConnect("fails twice") { _ in
                    let attempt = attempts.withLockedValue { attempts in
                        attempts += 1
                        return attempts
                    }
                    if attempt < 3 { throw AMQPError(.invalidArgument, "not yet") }
                }
            } _: { client in
                try await client.withChannel { _ in }
                #expect(attempts.withLockedValue { $0 } == 3)
            }
        }
    }

    @Test func `a missing exchange fails its messages only`() async throws {
        try await withVirtualHost { url in
            try await withClient(AMQPConfiguration(uri: url)) { client in
                let queue = try await client.withChannel { try await $0.declareTestQueue() }
                let codes = await withTaskGroup(of: (Int, AMQPError?).self) { group in
                    for index in 0..<60 {
                        let exchange = index % 10 == 3 ? "no-such-exchange" : ""
                        group.addTask {
                            (index, await failure { try await client.publish(.test(exchange: exchange, key: queue)) })
                        }
                    }
                    return await group.reduce(into: [Int: AMQPError?]()) { $0[$1.0] = $1.1 }
                }
                for (index, error) in codes {
                    if index % 10 == 3 { #expect(error?.replyCode == 404) } else { #expect(error == nil) }
                }
                let returned = await failure { try await client.publish(.test(exchange: "", key: "nowhere")) }
                #expect(returned?.code == .returned)
            }
        }
    }

    @Test func `messages nacked by a channel go out on another one`() async throws {
        /// How many messages were published on each of the channels that were opened, one after the other.
        let published = NIOLockedValueBox<[UInt64]>([])
        // A channel of RabbitMQ 3.10 that met a queue without a leader nacks for ever; a new one does not.
        try await withScriptedBroker { method in
            switch (method.classID, method.methodID) {
            case (20, 10):
                published.withLockedValue { $0.append(0) }
                return ScriptedBroker.wellBehaved(method)
            case (60, 40):
                let (channels, tag) = published.withLockedValue { published in
                    published[published.count - 1] += 1
                    return (published.count, published[published.count - 1])
                }
                return channels == 1 ? BrokerBytes.nack(method.channel, tag) : BrokerBytes.ack(method.channel, tag)
            default: return ScriptedBroker.wellBehaved(method)
            }
        } _: { _, configuration in
            try await withClient(configuration) { client in
                #expect(await failure { try await client.publish(.test()) }?.code == .nacked)
                try await eventually("a publish is confirmed") {
                    await failure { try await client.publish(.test()) } == nil
                }
                #expect(published.withLockedValue { $0.count } == 2)
            }
        }
    }

    @Test func `an orderly end waits for the confirm of what a lost connection left, on the next one`() async throws {
        let client = NIOLockedValueBox<AMQPClient?>(nil)
        // The first connection takes the message, is told that the end has come, and is lost without a confirm.
        try await withScriptedBroker(reacting: { call in
            guard (call.method.classID, call.method.methodID) == (60, 40), call.connection == 0 else {
                return Reaction.wellBehaved(call)
            }
            client.withLockedValue { $0 }?.beginShutdown()
            return .sendAndHangUp([])
        }) { broker, configuration in
            try await withClient(configuration) { running in
                client.withLockedValue { $0 = running }
                #expect(await failure { try await running.publish(.test()) } == nil)
                #expect(broker.connectionCount == 2)
            }
        }
    }

    @Test func `a subscription outlives that all channels are in use`() async throws {
        try await withVirtualHost { url in
            var configuration = try AMQPConfiguration(uri: url)
            configuration.channelMax = 8
            let log = InMemoryLogHandler()
            try await withClient(configuration, logger: Logger(label: "log") { _ in log }) { client in
                let queue = uniqueName("queue")
                try await client.withChannel { try await $0.declareQueue(queue) }
                let deliveries = client.consume(queue, prefetch: 5)
                try await withThrowingTaskGroup(of: Int.self) { group in
                    group.addTask {
                        for try await delivery in deliveries {
                            delivery.acknowledge()
                            return 1
                        }
                        return 0
                    }
                    try await eventually("it is subscribed") { deliveries.isSubscribed }
                    try await client.withConnection { connection in
                        var taken: [AMQPChannel] = []
                        while let channel = try? await connection.openChannel() { taken.append(channel) }
                        try await taken[0].deleteQueue(queue)
                        // The channel that the old subscription had is taken too, as soon as there is one.
                        try await eventually("it finds no channel") {
                            while let channel = try? await connection.openChannel() { taken.append(channel) }
                            return log.entries.contains { entry in
                                entry.message == "cannot subscribe"
                                    && "\(entry.metadata)".contains("channels of the connection")
                            }
                        }
                        try await taken[0].declareQueue(queue)
                        for channel in taken { await channel.close() }
                    }
                    try await client.publish(.test(exchange: "", key: queue))
                    #expect(try await group.next() == 1)
                    await deliveries.cancel()
                }
            }
        }
    }

    @Test func `publishing without a broker ends at its deadline, and can be cancelled`() async throws {
        let client = AMQPClient(
            configuration: AMQPConfiguration(hosts: [.init(name: "127.0.0.1", port: 1)]), logger: quietLogger)
        let late = await failure { try await client.publish(.test(), deadline: .milliseconds(200)) }
        #expect(late?.code == .timedOut)
        let waiting = Task { await failure { try await client.publish(.test()) } }
        waiting.cancel()
        #expect(await waiting.value?.code == .cancelled)
        let connecting = Task { await failure { try await client.withChannel { _ in } } }
        connecting.cancel()
        #expect(await connecting.value?.code == .cancelled)
        await client.shutdown()
        #expect(await failure { try await client.publish(.test()) }?.code == .closed)
    }

    @Test func `a consumer whose queue was deleted is subscribed again, under a new tag`() async throws {
        try await withVirtualHost { url in
            try await withClient(AMQPConfiguration(uri: url)) { client in
                let queue = uniqueName("queue")
                try await client.withChannel { try await $0.declareQueue(queue) }
                let deliveries = client.consume(queue, prefetch: 5)
                let tags = Recorder<String>()
                try await withThrowingTaskGroup(of: Void.self) { group in
                    group.addTask {
                        for try await delivery in deliveries {
                            delivery.acknowledge()
                            tags.record(delivery.consumerTag)
                        }
                    }
                    try await client.publish(.test(exchange: "", key: queue))
                    try await eventually("the first has come") { tags.values.count == 1 }
                    #expect(deliveries.isSubscribed)
                    try await client.withChannel { try await $0.deleteQueue(queue) }
                    try await eventually("it is noticed") { !deliveries.isSubscribed }
                    try await client.withChannel { try await $0.declareQueue(queue) }
                    try await eventually("it is subscribed again", within: .seconds(20)) { deliveries.isSubscribed }
                    try await client.publish(.test(exchange: "", key: queue))
                    try await eventually("the second has come") { tags.values.count == 2 }
                    await deliveries.cancel()
                    try await group.waitForAll()
                }
                #expect(Set(tags.values).count == 2)
            }
        }
    }

    @Test func `a first subscription to a missing queue fails`() async throws {
        try await withVirtualHost { url in
            try await withClient(AMQPConfiguration(uri: url)) { client in
                var iterator = client.consume("missing", prefetch: 5).makeAsyncIterator()
                let error = await failure { _ = try await iterator.next() }
                #expect(error?.replyCode == 404)
            }
        }
    }

    @Test func `cancelling a subscription that waits for the broker ends it`() async throws {
        let client = AMQPClient(
            configuration: AMQPConfiguration(hosts: [.init(name: "127.0.0.1", port: 1)]), logger: quietLogger)
        let deliveries = client.consume("queue", prefetch: 5)
        let iterating = Task { await failure { for try await _ in deliveries {} } }
        await deliveries.cancel()
        #expect(await iterating.value == nil)
        let other = client.consume("queue", prefetch: 5)
        let cancelled = Task { await failure { for try await _ in other {} } }
        cancelled.cancel()
        #expect(await cancelled.value?.code == .cancelled)
        await client.shutdown()
    }
}
