import HarebellDevelopment
import NIOPosix
import TestSupport
import Testing

@testable import AMQP

@Suite(.timeLimit(.minutes(2))) struct `Tasks on a connection's thread` {
    /// The event loop that this runs on, by its identity; `nil` elsewhere.
    private nonisolated(nonsending) func here() async -> ObjectIdentifier? {
        MultiThreadedEventLoopGroup.currentEventLoop.map { ObjectIdentifier($0) }
    }

    @Test func `publish, consume and settle there, before and after every wait`() async throws {
        try await withConnection { connection in
            let channel = try await connection.openChannel(confirms: true)
            let queue = try await channel.declareTestQueue()
            let loop = await withTaskExecutorPreference(connection.taskExecutor) { await here() }
            #expect(loop != nil)
            let elsewhere = Recorder<Int>()
            try await withTaskExecutorPreference(connection.taskExecutor) {
                try await withThrowingTaskGroup(of: Void.self) { group in
                    for task in 0..<64 {
                        group.addTask {
                            for index in 0..<20 {
                                try await channel.publish(.test(exchange: "", key: queue, id: "\(task)-\(index)"))
                                if await here() != loop { elsewhere.record(task) }
                            }
                        }
                    }
                    group.addTask {
                        var ids: Set<String> = []
                        for try await delivery in try await channel.consume(queue, prefetch: 100) {
                            if await here() != loop { elsewhere.record(-1) }
                            try ids.insert(#require(delivery.properties().messageID))
                            delivery.acknowledge()
                            if ids.count == 64 * 20 { break }
                        }
                    }
                    try await group.waitForAll()
                }
            }
            #expect(elsewhere.values.isEmpty)
            #expect(await here() == nil, "the preference ends with its scope")
            try await eventually("everything is acknowledged", within: .seconds(20)) {
                try await channel.purgeQueue(queue) == 0
            }
        }
    }

    @Test func `errors and cancellation end a wait there`() async throws {
        try await withConnection { connection in
            let channel = try await connection.openChannel(confirms: true)
            let queue = try await channel.declareTestQueue()
            try await withTaskExecutorPreference(connection.taskExecutor) {
                let returned = await failure { try await channel.publish(.test(exchange: "", key: "nowhere")) }
                #expect(returned?.code == .returned)
                let isWaiting = Recorder<Void>()
                let waits = try await withThrowingTaskGroup(of: AMQPError.Code?.self) { group in
                    group.addTask {
                        let error = await failure {
                            let deliveries = try await channel.consume(queue, prefetch: 1)
                            isWaiting.record(())
                            for try await _ in deliveries {}
                        }
                        return error?.code
                    }
                    try await eventually("it consumes", within: .seconds(20)) { !isWaiting.values.isEmpty }
                    group.cancelAll()
                    return try await group.next()
                }
                #expect(waits == .cancelled)
                let missing = await failure { try await channel.publish(.test(exchange: "missing")) }
                #expect(missing?.code == .channelClosed)
                #expect(await here() != nil)
            }
        }
    }

    @Test func `leave the socket its turn, also when they never rest`() async throws {
        try await withConnection({ $0.heartbeat = .seconds(1) }) { connection in
            let channel = try await connection.openChannel(confirms: false)
            let queue = try await channel.declareTestQueue()
            let stop = Recorder<Void>()
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask(executorPreference: connection.taskExecutor) {
                    while stop.values.isEmpty { await Task.yield() }
                }
                // Returns as soon as it is on its way, and so never waits for what is read.
                group.addTask(executorPreference: connection.taskExecutor) {
                    while stop.values.isEmpty { try await channel.publish(.test(exchange: "", key: queue)) }
                }
                let clock = ContinuousClock()
                let start = clock.now
                var answers = 0
                while clock.now - start < .seconds(3) {
                    let error = await failure { await (try connection.openChannel()).close() }
                    #expect(error == nil)
                    guard error == nil else { break }
                    answers += 1
                }
                stop.record(())
                try await group.waitForAll()
                #expect(answers >= 3)
                #expect(connection.isOpen)
            }
        }
    }

    @Test func `go on there when the connection has ended`() async throws {
        try await withConnection { connection in
            let channel = try await connection.openChannel(confirms: true)
            await withTaskExecutorPreference(connection.taskExecutor) {
                await connection.close()
                let refused = await failure { try await channel.publish(.test(exchange: "")) }
                #expect(refused?.code == .closed)
                for _ in 0..<100 { await Task.yield() }
                #expect(await here() != nil)
            }
        }
    }

    @Test func `stay on one thread through all connections of a client`() async throws {
        try await withVirtualHost { host, url in
            try await withClient(try AMQPConfiguration(uri: url)) { client in
                try await client.waitUntilConnected(timeout: .seconds(30))
                let loop = await withTaskExecutorPreference(client.taskExecutor) { await here() }
                #expect(loop != nil)
                let first = try await client.withConnection { connection in
                    await withTaskExecutorPreference(connection.taskExecutor) { #expect(await here() == loop) }
                    return connection
                }
                try await eventually("the connection is closed by the broker", within: .seconds(30)) {
                    // The management API may drop a request; the next poll repeats it.
                    (try? await host.broker.closeConnections { $0.virtualHost == host.name }) ?? 0 > 0
                }
                try await eventually("there is another", within: .seconds(30)) {
                    try await client.withConnection { $0 } !== first
                }
                try await withTaskExecutorPreference(client.taskExecutor) {
                    let queue = uniqueName("queue")
                    try await client.withConnection { connection in
                        #expect(await here() == loop)
                        await withTaskExecutorPreference(connection.taskExecutor) { #expect(await here() == loop) }
                        _ = try await connection.openChannel().declareQueue(queue, exclusive: true)
                    }
                    try await client.publish(.test(exchange: "", key: queue))
                    #expect(await here() == loop)
                }
            }
        }
    }
}
