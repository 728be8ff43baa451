import AMQP
import Foundation
import Harebell
import HarebellDevelopment
import HarebellRabbitMQ
import Synchronization
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(3))) struct RecoveryTests {
    @Test func `a retry queue deleted under a worker is made again, and nothing is lost`() async throws {
        try await withVirtualHost { url in
            let seen = Seen()
            try await withSystem(url) { system in
                system.worker("email") {
                    Subscription(to: Paid.self) { event, context in
                        if context.attempt < 4 { throw TransientError("not yet") }
                        seen.add(event, context)
                    }
                }
            } body: { system in
                try await system.withChannel { channel in
                    _ = try await channel.deleteQueue("email.retry.50ms")
                    _ = try await channel.deleteQueue("email.retry.200ms")
                }
                for number in 0..<10 {
                    try await system.publisher("payout").publish(Paid(loan: "l\(number)", number: number))
                }
                try await eventually(within: .seconds(30)) { seen.count == 10 }
                #expect(Set(seen.events.map(\.number)).count == 10)
            }
        }
    }

    @Test func `the broker is killed and started again: everything confirmed is handled`() async throws {
        try await withPrivateBroker(management: false) { broker in
            let seen = Seen()
            try await withSystem(broker.url) { system in
                system.worker("email") { Subscription(to: Paid.self) { event, context in seen.add(event, context) } }
            } body: { system in
                try await awaitTopologyOnDisk(of: broker)
                let confirmed = Identifiers()
                let publisher = system.publisher("payout")
                try await withThrowingDiscardingTaskGroup { group in
                    for lane in 0..<4 {
                        group.addTask {
                            for number in 0..<50 {
                                let event = Paid(loan: "l\(lane)", number: number)
                                let id = try await publisher.publish(event)
                                confirmed.insert(id.rawValue)
                            }
                        }
                    }
                    group.addTask {
                        try await eventually { seen.count >= 20 }
                        broker.kill()
                        try await broker.restart()
                    }
                }
                #expect(confirmed.all.count == 200)
                let missing = { confirmed.all.subtracting(seen.contexts.map(\.envelope.id.rawValue)) }
                do {
                    try await eventually(within: .seconds(60)) { missing().isEmpty }
                } catch {
                    Issue.record("\(missing().count) were not handled: \(await system.situation())")
                    throw error
                }
                let handled = seen.contexts.map(\.envelope.id.rawValue)
                print(
                    "published 200, handled \(Set(handled).count), duplicates \(handled.count - Set(handled).count), lost 0"
                )
            }
        }
    }

    @Test func `a frozen broker does not prolong the shutdown`() async throws {
        try await withPrivateBroker(management: false) { broker in
            let seen = Seen()
            let gate = Gate()
            try await withSystem(broker.url, gracePeriod: .seconds(1)) { system in
                system.worker("email") {
                    Subscription(to: Paid.self) { event, context in
                        seen.add(event, context)
                        await gate.wait()
                    }
                }
            } body: { system in
                for number in 0..<3 {
                    try await system.publisher("payout").publish(Paid(loan: "l\(number)", number: number))
                }
                try await eventually { seen.count == 3 }
                broker.freeze()
                defer { broker.thaw() }
                let clock = ContinuousClock()
                let start = clock.now
                gate.open()
                async let end: Void = system.stop()
                try await eventually("the worker has ended") { system.workers.allSatisfy { $0.state == .stopped } }
                let worker = clock.now - start
                await end
                let all = clock.now - start
                print("frozen broker: worker ended after \(worker), connections after \(all)")
                // The grace period, a second for each thing that the broker is asked.
                #expect(worker < .seconds(4))
                // Connections say goodbye, and wait five seconds for the answer. From the start: a broker that still answered
                // the worker while it froze does not answer what it is asked at the end, for a second of those above.
                #expect(all < .seconds(9))
            }
        }
    }

    @Test func `a mismatch with the broker fails the start, in words`() async throws {
        try await withVirtualHost { url in
            let connection = try await AMQPConnection.connect(try AMQPConfiguration(uri: url), logger: quietLogger)
            let channel = try await connection.openChannel()
            let wanted = Topology.service("email", subscribes: ["test.paid"], options: TestSystem.options)
            guard var rung = wanted.queues.first(where: { $0.name == "email.retry.200ms" })?.arguments else {
                Issue.record("no rung")
                return
            }
            rung["x-message-ttl"] = .int64(9_000)
            _ = try await channel.declareQueue("email.retry.200ms", arguments: rung)
            _ = try await channel.declareQueue("email.due", arguments: ["x-queue-type": "quorum"])
            await connection.close()
            let error = await #expect(throws: TopologyError.self) {
                try await withSystem(url, waits: false) { system in
                    system.worker("email") { Subscription(to: Paid.self) { _, _ in } }
                } body: { system in
                    try await system.finished()
                }
            }
            #expect(error?.problems.count == 2)
            let text = error?.description ?? ""
            #expect(text.contains("queue 'email.retry.200ms' exists with x-message-ttl = 9000, wanted 200"))
            #expect(text.contains("queue 'email.due' exists with"))
        }
    }

    @Test func `another delivery limit is a warning, not a failed start`() async throws {
        try await withVirtualHost { url in
            let wanted = Topology.service("email", subscribes: ["test.paid"], options: TestSystem.options)
            guard var work = wanted.queues.first(where: { $0.name == "email" })?.arguments else {
                Issue.record("no work queue")
                return
            }
            work["x-delivery-limit"] = .int64(7)
            let connection = try await AMQPConnection.connect(try AMQPConfiguration(uri: url), logger: quietLogger)
            let channel = try await connection.openChannel()
            _ = try await channel.declareQueue("email", arguments: work)
            await connection.close()
            let seen = Seen()
            try await withSystem(url) { system in
                system.worker("email") { Subscription(to: Paid.self) { event, context in seen.add(event, context) } }
            } body: { system in
                try await system.publisher("payout").publish(Paid(loan: "l", number: 1))
                try await eventually { seen.count == 1 }
            }
        }
    }
}
