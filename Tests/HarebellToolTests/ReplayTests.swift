import AMQP
import ArgumentParser
import Foundation
import Harebell
import HarebellDevelopment
import HarebellRabbitMQ
import ServiceLifecycle
import Synchronization
import TestSupport
import Testing

@testable import HarebellOperations
@testable import HarebellTool

private struct Ordered: Event {
    static let eventType: EventType = "test.ordered"
    let number: Int
}

private struct StillDown: Error {}

extension DeadLetterQueue {
    /// Replays, and says which.
    func replayed(
        _ selection: Selection, dryRun: Bool = false
    ) async throws -> (ids: [String?], result: ReplayResult) {
        var ids: [String?] = []
        let result = try await replay(selection, dryRun: dryRun) { letter, outcome in
            if case .replayed = outcome { ids.append(letter.id) }
        }
        return (ids, result)
    }
}

/// How a replay is paced, and the canary that goes ahead of it, seen by a real worker.
@Suite(.timeLimit(.minutes(2))) struct `Replaying at a pace` {
    private static let canary = DeadLetterQueue.Canary(timeout: .seconds(20))

    /// The topology of `partner` with dead letters that had used up their attempts, `m0` and so on.
    private func withDeadLetters(
        _ count: Int, _ body: (String, DeadLetterQueue, AMQPChannel) async throws -> Void
    ) async throws {
        try await withVirtualHost { url in
            let connection = try await AMQPConnection.connect(try AMQPConfiguration(uri: url), logger: quietLogger)
            try await Topology.service("partner", subscribes: [Ordered.eventType])
                .apply(on: connection, logger: quietLogger)
            let channel = try await connection.openChannel(confirms: true)
            for index in 0..<count { try await Self.addDeadLetter("m\(index)", number: index, over: channel) }
            try await body(url, DeadLetterQueue(service: "partner", connection: connection), channel)
            await connection.close()
        }
    }

    private static func addDeadLetter(_ id: String, number: Int, over channel: AMQPChannel) async throws {
        var properties = BasicProperties()
        properties.messageID = id
        properties.type = Ordered.eventType.rawValue
        properties.contentType = "application/json"
        properties.headers = [
            "harebell-reason": "exhausted", "harebell-attempt": .int64(3),
            "harebell-origin-exchange": .string(Ordered.eventType.rawValue),
        ]
        try await channel.publish(
            OutgoingMessage(
                exchange: "partner", routingKey: "dead", properties: properties,
                body: Array(#"{"number":\#(number)}"#.utf8)))
    }

    /// Runs a worker of `partner`, whose retries take longer than any of these tests.
    private func withWorker(
        _ url: String, breaker: BreakerPolicy? = nil,
        handler: @escaping @Sendable (Ordered, HandlerContext) async throws -> Void,
        _ body: () async throws -> Void
    ) async throws {
        let transport = RabbitMQTransport(configuration: try AMQPConfiguration(uri: url), logger: quietLogger)
        let worker = Worker(
            service: "partner", transport: transport,
            configuration: WorkerConfiguration(
                retry: RetryPolicy(immediate: [], delayed: [.seconds(30), .seconds(30)], jitter: 0), breaker: breaker),
            logger: quietLogger
        ) { Subscription(to: Ordered.self) { event, context in try await handler(event, context) } }
        let group = ServiceGroup(configuration: .init(services: [transport, worker], logger: quietLogger))
        try await withThrowingTaskGroup(of: Void.self) { tasks in
            tasks.addTask { try await group.run() }
            try await eventually("the worker consumes") {
                let connection = try await AMQPConnection.connect(AMQPConfiguration(uri: url), logger: quietLogger)
                let consumers = try await connection.openChannel().declareQueue("partner.due", passive: true)
                    .consumerCount
                await connection.close()
                return consumers > 0
            }
            try await body()
            await group.triggerGracefulShutdown()
            try await tasks.waitForAll()
        }
    }

    @Test func `a rate is kept from the first batch on`() async throws {
        try await withDeadLetters(12) { _, queue, _ in
            let started = ContinuousClock.now
            var times: [Duration] = []
            let result = try await queue.replay(.all, pace: .init(rate: 20)) { _, _ in
                times.append(ContinuousClock.now - started)
            }
            #expect(result.replayed == 12)
            // Four at a time, a fifth of a second apart; the end is not waited for.
            let pace = zip(times, 0...).allSatisfy { time, index in time >= .milliseconds(200 * (index / 4)) }
            #expect(pace, "\(times)")
            // Nor is it slower than asked for: a batch does not wait for the whole of what it may.
            #expect(times.last ?? .zero < .seconds(20))
        }
    }

    @Test func `a cancelled replay stops at once, and each message is in one place`() async throws {
        try await withDeadLetters(10) { _, queue, channel in
            let (first, announce) = AsyncStream<Void>.makeStream()
            let replay = Task {
                try await queue.replay(.all, pace: .init(rate: 1)) { _, _ in announce.yield() }
            }
            for await _ in first { break }
            let cancelled = ContinuousClock.now
            replay.cancel()
            await #expect(throws: CancellationError.self) { try await replay.value }
            #expect(ContinuousClock.now - cancelled < .seconds(5))
            let left = try await queue.list().letters.map(\.id)
            let due = try await channel.declareQueue("partner.due", passive: true).messageCount
            #expect(left == (1..<10).map { "m\($0)" } && due == 1)
        }
    }

    @Test func `a canary that is handled lets the others follow`() async throws {
        try await withDeadLetters(3) { url, queue, _ in
            let seen = Mutex<[Int]>([])
            try await withWorker(url) { event, context in
                seen.withLock { $0.append(event.number * 100 + context.attempt) }
            } _: {
                let (result, outcome) = try await queue.send(Self.canary, of: .oldest(3))
                #expect(outcome == .passed && result.replayed == 1)
                #expect(seen.withLock { $0 } == [1])
                let rest = DeadLetterQueue.Selection.oldest(3).rest(after: 1)
                #expect(try await queue.replayed(rest).ids == ["m1", "m2"])
                try await eventually("the others are handled") { seen.withLock { $0.count == 3 } }
                #expect(seen.withLock { Set($0) } == [1, 101, 201])
            }
        }
    }

    @Test func `a canary that fails again is told with its new error, and nothing else was sent`() async throws {
        try await withDeadLetters(3) { url, queue, _ in
            try await withWorker(url) { _, _ in
                throw PermanentError("still down")
            } _: {
                let (result, outcome) = try await queue.send(Self.canary, of: .ids(["m1", "m2"]))
                guard case .failedAgain(let report) = outcome else { return #expect(Bool(false), "\(outcome)") }
                #expect(result.replayed == 1)
                #expect(report.outcome == .deadLettered && report.id == "m1")
                #expect(report.errorMessage?.contains("still down") == true)
                let letters = try await queue.list().letters
                #expect(letters.map(\.id) == ["m0", "m2", "m1"])
                // Its word is given once: the dead letter does not ask for another.
                #expect(letters[2].properties?.headers["harebell-canary"] == nil)
            }
        }
    }

    @Test(arguments: [false, true])
    func `a canary that is put off has failed, also for a service that spares its messages in an outage`(
        hasBreaker: Bool
    ) async throws {
        try await withDeadLetters(2) { url, queue, channel in
            try await withWorker(url, breaker: hasBreaker ? BreakerPolicy("partner") : nil) { _, _ in
                throw StillDown()
            } _: {
                let (_, outcome) = try await queue.send(Self.canary, of: .oldest(2))
                guard case .failedAgain(let report) = outcome else { return #expect(Bool(false), "\(outcome)") }
                #expect(report.outcome == .retried && report.errorType == "StillDown")
                #expect(try await queue.list().letters.map(\.id) == ["m1"])
                // It is worked on like any other: it waits for its retry.
                let waiting = try await channel.get("partner.retry.30s")
                #expect(try waiting?.properties().messageID == "m0")
                #expect(try waiting?.properties().headers["harebell-canary"] == nil)
            }
        }
    }

    @Test func `of several canaries one that fails is enough`() async throws {
        try await withDeadLetters(4) { url, queue, _ in
            try await withWorker(url) { event, _ in
                if event.number == 1 { throw PermanentError("no") }
            } _: {
                let canary = DeadLetterQueue.Canary(count: 3, timeout: .seconds(20))
                let (result, outcome) = try await queue.send(canary, of: .oldest(4))
                guard case .failedAgain(let report) = outcome else { return #expect(Bool(false), "\(outcome)") }
                #expect(result.replayed == 3 && report.id == "m1")
            }
        }
    }

    @Test func `what is not there is no canary`() async throws {
        try await withDeadLetters(1) { url, queue, _ in
            try await withWorker(url) { _, _ in
            } _: {
                let (_, outcome) = try await queue.send(Self.canary, of: .ids(["other"]))
                #expect(outcome == .nothingSent)
            }
        }
    }

    @Test func `no publisher can ask for the word of a worker`() async throws {
        try await withDeadLetters(0) { url, _, channel in
            let handled = Mutex(0)
            try await withWorker(url) { _, _ in
                handled.withLock { $0 += 1 }
            } _: {
                let queue = try await channel.declareQueue("", durable: false, exclusive: true).name
                try await channel.bindQueue(queue, to: "partner", routingKey: CanaryReport.routingKey("t0ken"))
                var properties = BasicProperties()
                properties.type = Ordered.eventType.rawValue
                properties.headers = ["harebell-canary": "t0ken"]
                let body = Array(#"{"number":1}"#.utf8)
                // Through the event's exchange, and then as an operator would.
                for (exchange, key) in [(Ordered.eventType.rawValue, ""), ("partner", "due")] {
                    try await channel.publish(
                        OutgoingMessage(exchange: exchange, routingKey: key, properties: properties, body: body))
                }
                try await eventually("the operator's is told") {
                    try await channel.declareQueue(queue, passive: true).messageCount == 1
                }
                #expect(handled.withLock { $0 } == 2)
            }
        }
    }

    @Test func `without a worker no canary is sent`() async throws {
        try await withDeadLetters(2) { _, queue, _ in
            let (result, outcome) = try await queue.send(Self.canary, of: .oldest(2))
            #expect(outcome == .noWorker)
            #expect(result.replayed == 0)
            #expect(try await queue.count() == 2)
        }
    }

    @Test func `a canary of which nobody tells has not passed`() async throws {
        try await withDeadLetters(2) { _, queue, channel in
            // A consumer of another making: it takes messages and says nothing.
            let deliveries = try await channel.consume("partner.due", prefetch: 1)
            let canary = DeadLetterQueue.Canary(timeout: .milliseconds(300))
            #expect(try await queue.send(canary, of: .oldest(2)).outcome == .noReport)
            #expect(try await queue.count() == 1)
            await deliveries.cancel()
        }
    }

    @Test func `an operator needs no more permissions than the README says`() async throws {
        try await withVirtualHost { host, url in
            let owner = try await AMQPConnection.connect(try AMQPConfiguration(uri: url), logger: quietLogger)
            try await Topology.service("email", subscribes: [Ordered.eventType]).apply(on: owner, logger: quietLogger)
            let setup = try await owner.openChannel(confirms: true)
            try await setup.publish(OutgoingMessage(exchange: "email", routingKey: "dead", body: [1]))
            let consumer = try await setup.consume("email.due", prefetch: 1)
            let (user, password) = (uniqueName("operator"), uniqueName("secret"))
            try await host.broker.addUser(
                user, password: password, virtualHost: host.name, configure: "^email[.]dead",
                write: "^email([.]dead.*)?$", read: "^email([.]dead.*)?$")
            let limited = host.broker.url(user: user, password: password, virtualHost: host.name)
            let connection = try await AMQPConnection.connect(try AMQPConfiguration(uri: limited), logger: quietLogger)
            let queue = DeadLetterQueue(service: "email", connection: connection)
            #expect(try await queue.list().total == 1)
            // Whoever consumes here is no worker, and reports nothing.
            let canary = DeadLetterQueue.Canary(timeout: .milliseconds(200))
            #expect(try await queue.send(canary, of: .oldest(1)).outcome == .noReport)
            await consumer.cancel()
            await connection.close()
            await owner.close()
        }
    }

    @Test func `unrouted events have no canary`() async throws {
        try await withDeadLetters(0) { url, _, _ in
            let connection = try await AMQPConnection.connect(try AMQPConfiguration(uri: url), logger: quietLogger)
            await #expect(throws: OperationError.noCanary("unrouted")) {
                try await DeadLetterQueue(.unrouted, connection: connection).send(Self.canary, of: .all)
            }
            await connection.close()
        }
    }

    @Test func `more than ten have a canary, fewer only when it is asked for`() throws {
        func canary(_ arguments: [String], of count: Int) throws -> Int? {
            try ReplayOptions.parse(arguments).canary(of: count)?.count
        }
        #expect(try ReplayOptions.parse([]).rate == 50)
        #expect(try canary([], of: 10) == nil)
        #expect(try canary([], of: 11) == 1)
        #expect(try canary(["--canary", "0"], of: 1_000) == nil)
        #expect(try canary(["--canary", "5"], of: 3) == 3)
        #expect(try canary(["--canary", "1"], of: 0) == nil)
    }

    @Test(arguments: [["--rate", "0"], ["--canary", "-1"], ["--canary", "1001"], ["--canary-timeout", "0"]])
    func `a pace that means nothing is refused`(arguments: [String]) {
        #expect(throws: (any Error).self) { try ReplayOptions.parse(arguments) }
    }
}
