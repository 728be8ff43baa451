import AMQP
import ArgumentParser
import Foundation
import Harebell
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
    private static let canary = DeadLetterQueue.Canary(watch: .milliseconds(500), timeout: .seconds(20))

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
        _ url: String, handler: @escaping @Sendable (Ordered, HandlerContext) async throws -> Void,
        _ body: () async throws -> Void
    ) async throws {
        let transport = RabbitMQTransport(configuration: try AMQPConfiguration(uri: url), logger: quietLogger)
        let worker = Worker(
            service: "partner", transport: transport,
            configuration: WorkerConfiguration(
                retry: RetryPolicy(immediate: [], delayed: [.seconds(30), .seconds(30)])),
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

    @Test func `a canary that is handled lets the others follow, and has its attempts behind it`() async throws {
        try await withDeadLetters(3) { url, queue, _ in
            let seen = Mutex<[Int]>([])
            try await withWorker(url) { event, context in
                seen.withLock { $0.append(event.number * 100 + context.attempt) }
            } _: {
                let (result, outcome) = try await queue.send(Self.canary, of: .oldest(3))
                guard case .passed = outcome else { return #expect(Bool(false), "\(outcome)") }
                #expect(result.replayed == 1)
                #expect(seen.withLock { $0 } == [4])
                let rest = DeadLetterQueue.Selection.oldest(3).rest(after: ["m0"], count: 1)
                #expect(try await queue.replayed(rest).ids == ["m1", "m2"])
                try await eventually("the others are handled") { seen.withLock { $0.count == 3 } }
                #expect(seen.withLock { Set($0) } == [4, 101, 201])
            }
        }
    }

    @Test func `a canary that fails again is told with its new error, and nothing else was sent`() async throws {
        try await withDeadLetters(3) { url, queue, _ in
            try await withWorker(url) { _, _ in
                throw StillDown()
            } _: {
                let (result, outcome) = try await queue.send(Self.canary, of: .ids(["m1", "m2"]))
                guard case .failedAgain(let letter) = outcome else { return #expect(Bool(false), "\(outcome)") }
                #expect(result.replayed == 1)
                #expect(letter.id == "m1" && letter.attempts == 4 && letter.replayCount == 1)
                #expect(letter.errorType == "StillDown")
                #expect(try await queue.list().letters.map(\.id) == ["m0", "m2", "m1"])
            }
        }
    }

    @Test func `somebody else's dead letter is not taken for the canary`() async throws {
        try await withDeadLetters(2) { url, queue, channel in
            try await withWorker(url) { event, _ in
                try await Self.addDeadLetter("other", number: 9, over: channel)
            } _: {
                let (_, outcome) = try await queue.send(Self.canary, of: .oldest(2))
                guard case .passed = outcome else { return #expect(Bool(false), "\(outcome)") }
                #expect(try await queue.list().letters.map(\.id) == ["m1", "other"])
            }
        }
    }

    @Test func `without a worker no canary is sent`() async throws {
        try await withDeadLetters(2) { _, queue, _ in
            let (result, outcome) = try await queue.send(Self.canary, of: .oldest(2))
            guard case .noWorker = outcome else { return #expect(Bool(false), "\(outcome)") }
            #expect(result.replayed == 0)
            #expect(try await queue.count() == 2)
        }
    }

    @Test func `a canary that no worker takes is said to wait`() async throws {
        try await withDeadLetters(2) { _, queue, channel in
            // A consumer that has its hands full.
            let deliveries = try await channel.consume("partner.due", prefetch: 1)
            try await channel.publish(OutgoingMessage(exchange: "partner", routingKey: "due", body: [0]))
            var first = deliveries.makeAsyncIterator()
            _ = try await first.next()
            let canary = DeadLetterQueue.Canary(watch: .milliseconds(100), timeout: .milliseconds(500))
            let (_, outcome) = try await queue.send(canary, of: .oldest(2))
            guard case .notTaken = outcome else { return #expect(Bool(false), "\(outcome)") }
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
        #expect(try canary([], of: 10) == nil)
        #expect(try canary([], of: 11) == 1)
        #expect(try canary(["--canary", "0"], of: 1_000) == nil)
        #expect(try canary(["--canary", "5"], of: 3) == 3)
        #expect(try canary(["--canary", "1"], of: 0) == nil)
    }

    @Test(arguments: [["--rate", "0"], ["--canary", "-1"], ["--canary", "1001"], ["--canary-wait", "0"]])
    func `a pace that means nothing is refused`(arguments: [String]) {
        #expect(throws: (any Error).self) { try ReplayOptions.parse(arguments) }
    }
}
