import NIOCore
import TestSupport
import Testing

@testable import AMQP

/// How soon a cancelled call returns.
///
/// A loaded machine may be late for some, so the best of several is held to it,
/// and each to the scheduling allowance on top.
let cancellationPromise: Duration = .milliseconds(50)

/// Starts publishes that have to wait, cancels them one by one, and tells how long each took to return.
func cancelSuspended(
    _ count: Int, isWaiting: @escaping (Int) async throws -> Bool,
    _ publish: @escaping @Sendable () async throws -> Void
) async throws -> [Duration] {
    let tasks = (0..<count).map { _ in Task { await failure(of: publish) } }
    try await eventually("all wait") { try await isWaiting(count) }
    var durations: [Duration] = []
    for task in tasks {
        let start = ContinuousClock.now
        task.cancel()
        #expect(await task.value?.code == .cancelled)
        durations.append(ContinuousClock.now - start)
    }
    #expect((durations.min() ?? .seconds(9)) < cancellationPromise)
    #expect((durations.max() ?? .seconds(9)) < cancellationPromise + schedulingAllowance)
    return durations
}

/// Peers that do not read, or are gone without a word.
@Suite(.timeLimit(.minutes(3))) struct `Slow peers` {
    typealias Bytes = BrokerBytes

    private static let mebibyte = [UInt8](repeating: 7, count: 1 << 20)

    /// Publishes until it has to wait; returns how many the network took.
    private func fill(_ channel: AMQPChannel) async throws {
        let core = channel.connection.core
        while core.read({ $0.gated.isEmpty && !$0.isOverHighWater }) {
            try await channel.publish(.test(Self.mebibyte))
        }
    }

    @Test func `a peer that is dead while we publish is given up after two heartbeats`() async throws {
        try await withScriptedBroker(reacting: Reaction.wellBehaved) { broker, configuration in
            var configuration = configuration
            configuration.heartbeat = .seconds(1)
            let connection = try await AMQPConnection.connect(configuration, logger: quietLogger)
            let channel = try await connection.openChannel()
            try await broker.setReading(false)
            let start = ContinuousClock.now
            let error = await failure { while true { try await channel.publish(.test(Self.mebibyte)) } }
            let took = ContinuousClock.now - start
            #expect(error?.code == .connectionClosed)
            #expect(error?.message.contains("silent for two heartbeat intervals") == true)
            #expect(took < .seconds(3) + schedulingAllowance, "\(took)")
        }
    }

    @Test func `a peer that heartbeats and never reads suspends publishers, and is still heard`() async throws {
        let tag = Recorder<String>()
        try await withScriptedBroker(reacting: { call in
            if (call.method.classID, call.method.methodID) == (60, 20) { tag.record(call.consumerTag) }
            return Reaction.wellBehaved(call)
        }) { broker, configuration in
            var configuration = configuration
            configuration.heartbeat = .seconds(1)
            let connection = try await AMQPConnection.connect(configuration, logger: quietLogger)
            let channel = try await connection.openChannel()
            let consuming = try await connection.openChannel()
            var iterator = try await consuming.consume("queue", prefetch: 100).makeAsyncIterator()
            try await broker.setReading(false)
            let alive = broker.keepSending(Bytes.heartbeat, every: .milliseconds(200))
            defer { alive.cancel() }
            try await fill(channel)
            _ = try await cancelSuspended(20) { count in
                connection.core.read { $0.gated.count } == count
            } _: {
                try await channel.publish(.test(Self.mebibyte))
            }
            // Longer than the silence that would end it, a delivery now and then.
            let end = ContinuousClock.now + .milliseconds(2500)
            var heard: UInt64 = 0
            while ContinuousClock.now < end {
                heard += 1
                broker.send(Bytes.deliver(2, tag: tag.values[0], heard, body: [1]))
                #expect(try await iterator.next()?.deliveryTag == heard)
                try await Task.sleep(for: .milliseconds(100))
            }
            #expect(connection.isOpen)
            #expect(heard > 3)
            let waiting = Task { await failure { try await channel.publish(.test(Self.mebibyte)) } }
            try await eventually("it waits") { connection.core.read { $0.gated.count } == 1 }
            try await broker.setReading(true)
            #expect(await waiting.value == nil)
            await connection.close()
        }
    }

    @Test func `blocked with the socket full is heard, unblocked resumes, and a close keeps its deadline`() async throws
    {
        try await withScriptedBroker(reacting: Reaction.wellBehaved) { broker, configuration in
            var configuration = configuration
            configuration.heartbeat = .zero
            let connection = try await AMQPConnection.connect(configuration, logger: quietLogger)
            let channel = try await connection.openChannel()
            try await broker.setReading(false)
            try await fill(channel)
            broker.send(Bytes.blocked("low on memory"))
            try await eventually("it is known") { connection.isBlocked }
            let waiting = Task { await failure { try await channel.publish(.test()) } }
            try await eventually("it waits") { connection.core.read { $0.gated.count } == 1 }
            try await broker.setReading(true)
            broker.send(Bytes.unblocked)
            #expect(await waiting.value == nil)
            #expect(!connection.isBlocked)
            try await broker.setReading(false)
            broker.send(Bytes.blocked("low on disk"))
            try await eventually("it is known again") { connection.isBlocked }
            let last = Task { await failure { try await channel.publish(.test()) } }
            try await eventually("it waits again") { connection.core.read { $0.gated.count } == 1 }
            let start = ContinuousClock.now
            await connection.close(deadline: .milliseconds(400))
            #expect(ContinuousClock.now - start < .milliseconds(400) + schedulingAllowance)
            #expect(await last.value?.code == .closed)
        }
    }

    @Test func `when a peer vanishes, publishes wait, can be cancelled, and go to the next host`() async throws {
        try await withLiar(Reaction.wellBehaved(until: .publish) { _ in .nothing }) { liar, good, configuration in
            var configuration = configuration
            configuration.heartbeat = .seconds(1)
            try await withClient(configuration) { client in
                let told = Recorder<AMQPError?>()
                let alive = liar.keepSending(Bytes.heartbeat, every: .milliseconds(200))
                try await withThrowingTaskGroup(of: Void.self) { group in
                    for index in 0..<10 {
                        group.addTask {
                            told.record(await failure { try await client.publish(.test(id: "\(index)")) })
                        }
                    }
                    _ = try await cancelSuspended(10) { count in
                        liar.received.values.count { $0.classID == 60 && $0.methodID == 40 } == count + 10
                    } _: {
                        try await client.publish(.test(id: "cancelled"))
                    }
                    #expect(told.values.isEmpty)
                    alive.cancel()
                    try await group.waitForAll()
                }
                #expect(told.values.count == 10)
                #expect(told.values.allSatisfy { $0 == nil })
                #expect(good.received.values.count { $0.classID == 60 && $0.methodID == 40 } == 10)
            }
        }
    }
}
