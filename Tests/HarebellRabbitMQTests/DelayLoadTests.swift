import AMQP
import Foundation
import Harebell
import HarebellDevelopment
import HarebellRabbitMQ
import HarebellTesting
import TestSupport
import Testing

/// Delays by the clock, on short rungs.
///
/// Measures: `Ops/test` runs nothing beside it.
@Suite(.serialized, .timeLimit(.minutes(10))) struct DelayLoadTests {
    private static let isFull = ProcessInfo.processInfo.environment["HAREBELL_TEST_FULL"] == "1"
    private static let backlog = isFull ? 100_000 : 4_000

    @Test func `none of hundreds of delays is early or late while thousands of messages are queued`() async throws {
        let delayed = Delayed.various(400, upTo: 3_000)
        let account = Observed(DelayAccount())
        let others = Observed(0)
        try await withVirtualHost { url in
            // Before the worker comes, so that all of it is in its queue.
            let options = TestSystem.options
            try await withConnection(url) { connection in
                try await Topology.service(
                    "email", subscribes: [Delayed.eventType, Paid.eventType], options: options
                ).apply(on: connection, logger: quietLogger)
                let channel = try await connection.openChannel(confirms: true)
                func send(_ event: some Event) throws -> OutgoingMessage {
                    try Envelope(event, producer: "payout").outgoingMessage
                }
                for result in await channel.publish(try delayed.map { try send($0) }) { try result.get() }
                for start in stride(from: 0, to: Self.backlog, by: 2_000) {
                    let messages = try (start..<start + 2_000).map { try send(Paid(loan: "l\($0)", number: $0)) }
                    for result in await channel.publish(messages) { try result.get() }
                }
            }
            try await withSystem(url, prefetch: 20, options: options) { system in
                system.worker("email") {
                    Subscription(to: Delayed.self) { event, context in
                        try account.update { try $0.handle(event, context.attempt) }
                    }
                    // Slow enough that the queue is not empty before the last delay is over.
                    Subscription(to: Paid.self) { _, _ in
                        try await Task.sleep(for: .milliseconds(20))
                        others.update { $0 += 1 }
                    }
                }
            } body: { system in
                try await account.wait(within: .seconds(60)) { $0.came.count == delayed.count }
                let queued = try await system.depth("email")
                print(account.value.summary("\(queued) still queued", published: delayed.count))
                #expect(queued > 0)
            }
        }
        let lateness = account.value.lateness
        for event in delayed {
            let late = try #require(lateness[event.number])
            #expect(late >= 0, "\(event) was \(late) s early")
            #expect(late <= Double(event.milliseconds) / 1_000 * 0.05 + 1, "\(event) was \(late) s late")
        }
    }

    @Test func `the broker is killed while hundreds wait: none is lost, and all come soon after it is back`()
        async throws
    {
        let delayed = Delayed.various(400, upTo: 8_000)
        let account = Observed(DelayAccount())
        try await withPrivateBroker(management: false) { broker in
            try await withSystem(broker.url, prefetch: 50) { system in
                system.worker("email") {
                    Subscription(to: Delayed.self) { event, context in
                        try account.update { try $0.handle(event, context.attempt) }
                    }
                }
            } body: { system in
                try await awaitTopologyOnDisk(of: broker)
                let publisher = system.publisher("payout")
                for event in delayed { try await publisher.publish(event) }
                try await account.wait(within: .seconds(30)) { $0.due.count == delayed.count && $0.came.count > 20 }
                broker.kill()
                try await broker.restart()
                let isUp = Date()
                try await account.wait(within: .seconds(60)) { $0.came.count == delayed.count }
                let found = account.value
                print(found.summary("the broker killed", published: delayed.count))
                #expect(found.lateness.values.allSatisfy { $0 >= 0 })
                let sinceUp = found.came.compactMap { number, dates in
                    dates.min().map { $0.timeIntervalSince(max(isUp, found.lastDue[number] ?? isUp)) }
                }
                print(
                    "delays, the broker killed: the last came \(sinceUp.max() ?? 0) s after it was due and the node up")
                #expect(sinceUp.allSatisfy { $0 <= 5 })
            }
        }
    }

    private func withConnection(_ url: String, _ body: (AMQPConnection) async throws -> Void) async throws {
        let connection = try await AMQPConnection.connect(try AMQPConfiguration(uri: url), logger: quietLogger)
        try await body(connection)
        await connection.close()
    }
}
