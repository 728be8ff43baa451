import TestSupport
import Testing

@testable import AMQP

@Suite(.timeLimit(.minutes(1))) struct `Stopping a consumer` {
    @Test func `a task that is cancelled can do it, too`() async throws {
        try await withConnection { connection in
            let channel = try await connection.openChannel(confirms: true)
            let queue = try await channel.declareTestQueue()
            try await channel.publish(.test([7], exchange: "", key: queue))
            let deliveries = try await channel.consume(queue, prefetch: 1)
            let stopping = Task {
                while !Task.isCancelled { await Task.yield() }
                await deliveries.cancel()
            }
            stopping.cancel()
            await stopping.value
            var bodies: [[UInt8]] = []
            for try await delivery in deliveries { bodies.append(delivery.body) }
            #expect(bodies == [[7]])
            #expect(channel.isOpen)
        }
    }
}
