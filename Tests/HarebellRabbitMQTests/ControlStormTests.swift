import Harebell
import HarebellRabbitMQ
import HarebellTesting
import Synchronization
import TestSupport
import Testing

/// Pauses, drains, resumes and other prefetches, many at once, on a real broker.
///
/// Order is not asserted: a storm pauses again before all has come again that was handed back, and hands back more than 32
/// at a time, and then RabbitMQ keeps none. HandBackTests hold the order where it can be kept, WorkerControlTests in memory.
@Suite(.timeLimit(.minutes(2))) struct ControlStormTests {
    /// A broker before 4.0 counts what is handed back, and a storm hands back more often than a usual limit allows.
    private static let options = TopologyOptions(rungs: RetryRungs(TestSystem.rungs), deliveryLimit: 1_000_000)

    @Test(arguments: 1...4 as ClosedRange<UInt64>)
    func `a storm of pauses and resumes loses nothing and handles nothing twice`(seed: UInt64) async throws {
        try await withVirtualHost { url in
            let seen = Seen()
            try await withSystem(url, prefetch: 8, options: Self.options) { system in
                system.worker("email") {
                    Subscription(to: Paid.self) { event, context in
                        await Task.yield()
                        seen.add(event, context)
                    }
                }
            } body: { system in
                let worker = try #require(system.workers.first)
                let publisher = system.publisher("payout")
                try await withThrowingDiscardingTaskGroup { group in
                    group.addTask {
                        for number in 0..<200 {
                            try await publisher.publish(Paid(loan: "l\(number % 3)", number: number))
                        }
                    }
                    for caller: UInt64 in 0..<4 {
                        group.addTask { await Self.storm(worker, seed: seed &* 31 &+ caller) }
                    }
                }
                await worker.resume()
                try await eventually("all are handled") { seen.count >= 200 }
                try await system.expectEmpty("email", "email.due", "email.dead")
            }
            #expect(seen.count == 200, "nothing is handled twice")
        }
    }

    private static func storm(_ worker: Worker<RabbitMQTransport>, seed: UInt64) async {
        var generator = SeededGenerator(seed: seed)
        for _ in 0..<25 {
            switch Int.random(in: 0..<4, using: &generator) {
            case 0: await worker.pause()
            case 1: await worker.drain()
            case 2: try? await worker.setPrefetch(Int.random(in: 1...60, using: &generator))
            default: await worker.resume()
            }
            if worker.state != .running { await worker.resume() }
        }
    }
}
