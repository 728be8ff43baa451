import AMQP
import FoundationEssentials
import Harebell
import HarebellRabbitMQ
import Logging
import ServiceLifecycle
import Synchronization
import TestSupport
import Testing

struct Paid: Event, Hashable {
    static let eventType: EventType = "test.paid"
    let loan: String
    let number: Int
    var partitionKey: String? { loan }
}

struct Mailed: Event, Hashable {
    static let eventType: EventType = "test.mailed"
    let loan: String
    let attempt: Int
}

/// What handlers saw, in order.
final class Seen: Sendable {
    private let state = Mutex<[(Paid, HandlerContext)]>([])

    func add(_ event: Paid, _ context: HandlerContext) {
        state.withLock { $0.append((event, context)) }
    }

    var count: Int { state.withLock { $0.count } }
    var events: [Paid] { state.withLock { $0.map(\.0) } }
    var contexts: [HandlerContext] { state.withLock { $0.map(\.1) } }
}

/// Ids, collected by several tasks.
final class Identifiers: Sendable {
    private let state = Mutex<Set<String>>([])

    func insert(_ id: String) { state.withLock { _ = $0.insert(id) } }

    var all: Set<String> { state.withLock { $0 } }
}

/// Handlers wait here until a test opens it.
final class Gate: Sendable {
    private let (stream, continuation) = AsyncStream<Void>.makeStream()
    private let state = Mutex<(isOpen: Bool, waiting: [CheckedContinuation<Void, Never>])>((false, []))

    func wait() async {
        await withCheckedContinuation { waiter in
            let isOpen = state.withLock { state in
                if !state.isOpen { state.waiting.append(waiter) }
                return state.isOpen
            }
            if isOpen { waiter.resume() }
        }
    }

    func open() {
        let waiting = state.withLock { state in
            state.isOpen = true
            defer { state.waiting = [] }
            return state.waiting
        }
        for waiter in waiting { waiter.resume() }
    }
}

/// Workers of several services on one transport, for one test.
final class TestSystem: Sendable {
    static let rungs: [Duration] = [.milliseconds(50), .milliseconds(200)]
    static let options = TopologyOptions(rungs: RetryRungs(rungs))
    static let retry = RetryPolicy(
        immediate: [.zero, .milliseconds(5)], delayed: [.milliseconds(50), .milliseconds(100), .milliseconds(250)])

    let transport: RabbitMQTransport
    private let url: String
    var address: String { url }
    private let prefetch: Int
    private let state = Mutex<[Worker<RabbitMQTransport>]>([])
    var workers: [Worker<RabbitMQTransport>] { state.withLock { $0 } }
    private let queues = Mutex<[String]>([])
    private let group = Mutex<ServiceGroup?>(nil)
    private let end = Mutex<(result: Result<Void, any Error>?, waiter: CheckedContinuation<Void, any Error>?)>(
        (nil, nil))

    private let gracePeriod: Duration

    init(
        url: String, prefetch: Int, gracePeriod: Duration, options: TopologyOptions = TestSystem.options,
        maximumBodySize: Int? = nil
    ) throws {
        var configuration = try AMQPConfiguration(uri: url)
        if let maximumBodySize { configuration.maximumBodySize = maximumBodySize }
        self.gracePeriod = gracePeriod
        self.url = url
        self.prefetch = prefetch
        // Tests kill the broker: how soon it is back is the machine's affair, not the product's.
        transport = RabbitMQTransport(
            configuration: configuration, topology: options, publishDeadline: .seconds(120), logger: quietLogger)
    }

    @discardableResult
    func worker(
        _ service: ServiceName, publishes: [EventType] = [], retry: RetryPolicy = TestSystem.retry,
        breaker: BreakerPolicy? = nil, @SubscriptionBuilder _ subscriptions: () -> [Subscription]
    ) -> Worker<RabbitMQTransport> {
        let worker = Worker(
            service: service, transport: transport,
            configuration: WorkerConfiguration(
                prefetch: prefetch, gracePeriod: gracePeriod, retry: retry, breaker: breaker,
                publishes: publishes),
            logger: quietLogger, subscriptions)
        state.withLock { $0.append(worker) }
        queues.withLock { $0.append(service.rawValue) }
        return worker
    }

    func publisher(_ service: ServiceName) -> Publisher<RabbitMQTransport> {
        Publisher(service: service, transport: transport)
    }

    func run() async throws {
        let services: [any Service] = [transport] + workers
        let group = ServiceGroup(configuration: .init(services: services, logger: quietLogger))
        self.group.withLock { $0 = group }
        do {
            try await group.run()
            finish(.success(()))
        } catch {
            finish(.failure(error))
            throw error
        }
    }

    private func finish(_ result: Result<Void, any Error>) {
        let waiter = end.withLock { end in
            end.result = result
            defer { end.waiter = nil }
            return end.waiter
        }
        waiter?.resume(with: result)
    }

    /// Returns when the services ended, with their error.
    func finished() async throws {
        try await withCheckedThrowingContinuation { waiter in
            let result = end.withLock { end in
                if end.result == nil { end.waiter = waiter }
                return end.result
            }
            if let result { waiter.resume(with: result) }
        }
    }

    func stop() async {
        await group.withLock { $0 }?.triggerGracefulShutdown()
        try? await finished()
    }

    func withChannel<R: Sendable>(confirms: Bool = false, _ body: (AMQPChannel) async throws -> R) async throws -> R {
        let connection = try await AMQPConnection.connect(try AMQPConfiguration(uri: url), logger: quietLogger)
        do {
            let channel = try await connection.openChannel(confirms: confirms)
            let result = try await body(channel)
            await connection.close()
            return result
        } catch {
            await connection.close()
            throw error
        }
    }

    func brokerVersion() async throws -> String {
        let connection = try await AMQPConnection.connect(try AMQPConfiguration(uri: url), logger: quietLogger)
        let version = connection.brokerVersion
        await connection.close()
        return version ?? "-"
    }

    /// Publishes as a foreign client would.
    func send(_ properties: BasicProperties, _ body: [UInt8], to exchange: String) async throws {
        try await withChannel(confirms: true) { channel in
            try await channel.publish(
                OutgoingMessage(exchange: exchange, routingKey: "", properties: properties, body: body))
        }
    }

    /// Returns when every worker consumes: its topology is complete, and what is published now reaches it.
    func ready() async throws {
        for queue in queues.withLock({ $0 }) {
            try await eventually("\(queue) is consumed", within: .seconds(60)) {
                do {
                    return try await self.withChannel { channel in
                        try await channel.declareQueue(queue, passive: true).consumerCount > 0
                    }
                } catch let error as AMQPError where error.replyCode == 404 {
                    return false
                }
            }
        }
    }

    /// Takes messages off a queue.
    func read(queue: String, count: Int, within limit: Duration = .seconds(20)) async throws -> [Delivery] {
        try await eventually("the queue \(queue)", within: limit) { try await self.depth(queue) >= count }
        return try await withChannel { channel in
            var found: [Delivery] = []
            while found.count < count, let delivery = try await channel.get(queue) {
                delivery.acknowledge()
                found.append(delivery)
            }
            return found
        }
    }

    func depth(_ queue: String) async throws -> Int {
        do {
            return try await withChannel { channel in
                Int(try await channel.declareQueue(queue, passive: true).messageCount)
            }
        } catch let error as AMQPError where error.replyCode == 404 {
            return 0
        }
    }

    /// What a failed test should say: each worker's state, and what its queues hold or why they do not say.
    func situation() async -> String {
        var lines = workers.map { "worker \($0.service) \($0.state), \($0.messagesInHand) in hand" }
        let names = queues.withLock { $0 }.flatMap { service in
            [service] + [".due", ".dead", ".retry.50ms", ".retry.200ms"].map { service + $0 }
        }
        for name in names + [Topology.unroutedName] {
            do {
                let queue = try await withChannel { try await $0.declareQueue(name, passive: true) }
                lines.append("\(name): \(queue.messageCount) ready, \(queue.consumerCount) consumers")
            } catch {
                lines.append("\(name): \(error)")
            }
        }
        return lines.joined(separator: "; ")
    }

    func expectEmpty(_ queues: String...) async throws {
        for queue in queues {
            try await eventually("\(queue) is empty") { try await self.depth(queue) == 0 }
        }
    }

    func expectEventually(_ what: String, _ condition: ([String: Int]) -> Bool) async throws {
        try await eventually(what) {
            var depths: [String: Int] = [:]
            for queue in ["email", "email.due", "email.dead"]
                + Self.rungs.map({ "email.retry.\($0 == .milliseconds(50) ? "50ms" : "200ms")" })
            {
                depths[queue] = try await self.depth(queue)
            }
            return condition(depths)
        }
    }
}

/// Builds a system, runs it, and stops it when the body is done.
func withSystem(
    _ url: String, prefetch: Int = 20, gracePeriod: Duration = .seconds(5), waits: Bool = true,
    options: TopologyOptions = TestSystem.options, maximumBodySize: Int? = nil, _ build: (TestSystem) -> Void,
    body: @Sendable (TestSystem) async throws -> Void
) async throws {
    let system = try TestSystem(
        url: url, prefetch: prefetch, gracePeriod: gracePeriod, options: options, maximumBodySize: maximumBodySize)
    build(system)
    try await withThrowingTaskGroup(of: Void.self) { tasks in
        tasks.addTask { try await system.run() }
        do {
            if waits { try await system.ready() }
            try await body(system)
        } catch {
            await system.stop()
            throw error
        }
        await system.stop()
        try await tasks.waitForAll()
    }
}
