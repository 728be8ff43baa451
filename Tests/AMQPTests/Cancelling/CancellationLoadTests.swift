import TestSupport
import Testing

@testable import AMQP

/// How soon what was cancelled returns when nothing else takes the processor: `Ops/test` runs these alone.
///
/// ``cancelSuspended(_:isWaiting:_:)`` holds the best of several to the promise; here it is nineteen of twenty, since now
/// and then the machine gives a thread nothing for longer than that.
@Suite(.serialized, .timeLimit(.minutes(3))) struct CancellationLoadTests {
    private static let count = 100

    private func expectPrompt(_ durations: [Duration], _ what: String) {
        let sorted = durations.sorted()
        let usual = sorted[sorted.count * 95 / 100]
        print(
            "cancelled: \(sorted.count) \(what), median \(sorted[sorted.count / 2]), 95 of 100 within \(usual),",
            "all within \(sorted.last ?? .zero)")
        #expect(sorted.count == Self.count)
        #expect(usual < cancellationPromise)
    }

    @Test func `publishes that a broker under an alarm holds back`() async throws {
        try await withScriptedBroker(reacting: Reaction.wellBehaved) { broker, configuration in
            let connection = try await AMQPConnection.connect(configuration, logger: quietLogger)
            let channel = try await connection.openChannel(confirms: true)
            broker.send(BrokerBytes.blocked("low on memory"))
            try await eventually("it is known") { connection.isBlocked }
            let durations = try await cancelSuspended(Self.count) { count in
                connection.core.read { $0.gated.count } == count
            } _: {
                try await channel.publish(.test())
            }
            expectPrompt(durations, "publishes under an alarm")
            await connection.close()
        }
    }

    @Test func `publishes without a confirm, calls without an answer, deliveries that do not come`() async throws {
        try await withScriptedBroker(reacting: { call in
            // No confirm, and no answer to queue.purge.
            switch (call.method.classID, call.method.methodID) {
            case (60, 40), (50, 30): .nothing
            default: Reaction.wellBehaved(call)
            }
        }) { broker, configuration in
            var configuration = configuration
            configuration.rpcTimeout = .seconds(60)
            let connection = try await AMQPConnection.connect(configuration, logger: quietLogger)
            let channel = try await connection.openChannel(confirms: true)
            func received(_ classID: UInt16, _ methodID: UInt16) -> Int {
                broker.received.values.count { ($0.classID, $0.methodID) == (classID, methodID) }
            }
            let publishes = try await cancelSuspended(Self.count, isWaiting: { received(60, 40) == $0 }) {
                try await channel.publish(.test())
            }
            expectPrompt(publishes, "publishes without a confirm")
            let calls = try await cancelSuspended(Self.count, isWaiting: { received(50, 30) == $0 }) {
                _ = try await channel.purgeQueue("queue")
            }
            expectPrompt(calls, "calls without an answer")
            // On another channel: answers come in the order of the calls.
            let deliveries = try await connection.openChannel().consume("queue", prefetch: 10)
            let waits = try await cancelSuspended(Self.count, isWaiting: { deliveries.queue.waitingCount == $0 }) {
                var iterator = deliveries.makeAsyncIterator()
                _ = try await iterator.next()
            }
            expectPrompt(waits, "waits for a delivery")
            await connection.close(deadline: .seconds(1))
        }
    }
}
