import Foundation
import NIOConcurrencyHelpers
import TestSupport
import Testing

@testable import AMQP

/// What a long life costs: memory, descriptors and wake-ups, measured on the real broker.
///
/// One test at a time, and `Ops/test` runs them alone: they measure this process.
@Suite(.serialized) struct SoakTests {
    /// The long form rather than the short one that shows the same.
    private static let isFull = ProcessInfo.processInfo.environment["HAREBELL_TEST_FULL"] == "1"

    /// All that a connection has.
    private static let channelCount = 2047

    @Test func `channels are opened and closed in cycles without a trace`() async throws {
        try await withConnection { connection in
            // The first cycle pays for what is kept: queues, buffers, the table of channels.
            try await cycle(on: connection, of: Self.channelCount)
            let before = ProcessFigures.now()
            var perChannel: Int?
            let cycles = Self.isFull ? 50 : 4
            for _ in 0..<cycles {
                let open = try await cycle(on: connection, of: Self.channelCount)
                perChannel = (open.heapBytes - before.heapBytes).map { $0 / Self.channelCount }
            }
            let after = ProcessFigures.now()
            let grown = after.residentKiB - before.residentKiB
            let kept = after.heapBytes - before.heapBytes
            print(
                "soak: \(cycles) cycles of \(Self.channelCount) channels: \(perChannel.text) bytes of heap per channel;",
                "afterwards \(kept.text) bytes of heap and \(grown.text) KiB resident more than before,",
                "\(after.descriptors - before.descriptors) descriptors more")
            #expect(perChannel.map { $0 < 4096 } ?? true)
            #expect(grown.map { $0 < 4096 } ?? true)
            #expect(kept.map { $0 < 256 * 1024 } ?? true)
            #expect(after.descriptors == before.descriptors)
        }
    }

    /// Opens channels, looks, and closes them all; returns what there was when all were open.
    @discardableResult
    private func cycle(on connection: AMQPConnection, of count: Int) async throws -> ProcessFigures {
        var channels: [AMQPChannel] = []
        // So many calls at a time that the broker always has something to do.
        for start in stride(from: 0, to: count, by: 64) {
            try await withThrowingTaskGroup(of: AMQPChannel.self) { group in
                for _ in start..<min(start + 64, count) { group.addTask { try await connection.openChannel() } }
                for try await channel in group { channels.append(channel) }
            }
        }
        #expect(Set(channels.map(\.number)).count == count)
        let open = ProcessFigures.now()
        for batch in stride(from: 0, to: count, by: 64) {
            await withDiscardingTaskGroup { group in
                for channel in channels[batch..<min(batch + 64, count)] { group.addTask { await channel.close() } }
            }
        }
        #expect(channels.allSatisfy { !$0.isOpen })
        return open
    }

    @Test func `connections are opened and closed without a trace, and an idle one is small`() async throws {
        let count = 50
        try await withVirtualHost { url in
            let configuration = try AMQPConfiguration(uri: url)
            func open() async throws -> [AMQPConnection] {
                var connections: [AMQPConnection] = []
                for _ in 0..<count {
                    connections.append(try await AMQPConnection.connect(configuration, logger: quietLogger))
                }
                return connections
            }
            func close(_ connections: [AMQPConnection]) async {
                for connection in connections { await connection.close() }
            }
            await close(try await open())
            let before = ProcessFigures.now()
            var held = before
            for _ in 0..<(Self.isFull ? 20 : 3) {
                let connections = try await open()
                held = ProcessFigures.now()
                await close(connections)
            }
            // A socket is closed a moment after its connection is over.
            try await eventually("all sockets are closed") { ProcessFigures.now().descriptors <= before.descriptors }
            let after = ProcessFigures.now()
            let perConnection = (held.heapBytes - before.heapBytes).map { $0 / count }
            let grown = after.residentKiB - before.residentKiB
            print(
                "soak: an idle connection takes \(perConnection.text) bytes of heap and",
                "\((held.descriptors - before.descriptors) / count) descriptors; after all were closed",
                "\(grown.text) KiB resident more than before")
            #expect(perConnection.map { $0 < 100 * 1024 } ?? true)
            #expect(grown.map { $0 < 4096 } ?? true)
        }
    }

    @Test func `an idle connection wakes up for heartbeats only`() async throws {
        let window = Duration.seconds(Self.isFull ? 30 : 6)
        func sleeps() async throws -> Int? {
            let before = ProcessFigures.eventLoopSleeps
            // Not to wait for anything: this is the time that is measured.
            try await Task.sleep(for: window)
            return ProcessFigures.eventLoopSleeps - before
        }
        try await withVirtualHost { url in
            let without = try await sleeps()
            var configuration = try AMQPConfiguration(uri: url)
            configuration.heartbeat = .zero
            let silent = try await AMQPConnection.connect(configuration, logger: quietLogger)
            let withSilent = try await sleeps()
            await silent.close()
            configuration.heartbeat = .seconds(2)
            let connection = try await AMQPConnection.connect(configuration, logger: quietLogger)
            let withHeartbeats = try await sleeps()
            await connection.close()
            let seconds = Int(window.components.seconds)
            print(
                "soak: in \(window) the event loops woke up \(without.text) times without a connection,",
                "\(withSilent.text) times with one without heartbeats, \(withHeartbeats.text) times with one that sends",
                "and gets a heartbeat every second")
            guard let without, let withSilent, let withHeartbeats else { return }
            #expect(withSilent <= without + 2)
            // One for each that is sent and one for each that comes, and one more of each at the edges.
            #expect(withHeartbeats <= without + 2 * seconds + 2)
        }
    }
}
