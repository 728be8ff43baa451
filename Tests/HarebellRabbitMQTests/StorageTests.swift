import AMQP
import Harebell
import HarebellDevelopment
import HarebellRabbitMQ
import HarebellTesting
import TestSupport
import Testing

/// How it can be impossible to store a retry or a dead letter.
enum Obstacle: String, CaseIterable, Sendable, CustomTestStringConvertible {
    case bindingDeleted = "the bindings are deleted"
    case queueDeleted = "the queues are deleted"
    case exchangeDeleted = "the service's exchange is deleted"
    /// The dead-letter queue: what makes a rung full leaves it soon.
    case queueFull = "a policy makes the queue full"

    var testDescription: String { rawValue }
}

/// The retry or the dead letter itself cannot be stored, and the worker may not mend that: an operator has to.
@Suite(.timeLimit(.minutes(3))) struct StorageTests {
    private static let names = ServiceQueues(service: "email")
    private static let targets = TestSystem.rungs.map(names.rung) + [names.dead]

    @Test(arguments: Obstacle.allCases.flatMap { [($0, true), ($0, false)] }.dropLast())
    func `nothing new is taken, all is stored once the route is mended, and nothing is lost`(
        obstacle: Obstacle, isPermanent: Bool
    ) async throws {
        try await withVirtualHost { host, url in
            try await declare(url)
            let calls = Observed<[Int: Int]>([:])
            let handled = Observed<Set<Int>>([])
            let options = TopologyOptions(declares: false, rungs: RetryRungs(TestSystem.rungs))
            let worker = Observed<Worker<RabbitMQTransport>?>(nil)
            let count = 30
            try await withSystem(url, prefetch: 5, options: options) { system in
                let made = system.worker("email") {
                    Subscription(to: Paid.self) { event, context in
                        calls.update { $0[event.number, default: 0] += 1 }
                        guard event.number % 3 == 0 else { return handled.update { _ = $0.insert(event.number) } }
                        if isPermanent { throw PermanentError("no") }
                        // The last immediate attempt and one more.
                        if context.attempt < 5 { throw TransientError("not yet") }
                        handled.update { _ = $0.insert(event.number) }
                    }
                }
                worker.update { $0 = made }
            } body: { system in
                try await put(obstacle, host, url)
                let filling = try await system.depth("email.dead")
                for number in 0..<count {
                    try await system.publisher("payout").publish(Paid(loan: "l\(number)", number: number))
                }
                try await eventually("the worker is blocked", within: .seconds(30)) {
                    worker.value?.state == .blocked
                }
                let begun = calls.value.count
                #expect(try await system.depth("email") > 0)
                try await mend(obstacle, host, url)
                let failing = count / 3
                try await eventually("all is handled or put aside", within: .seconds(60)) {
                    let dead = try await system.depth("email.dead")
                    return isPermanent ? dead == filling + failing : handled.value.count == count
                }
                try await eventually("the worker goes on") { worker.value?.state == .running }
                try await eventually("the others are handled") { handled.value.count >= count - failing }
                print(
                    "\(obstacle.rawValue), \(isPermanent ? "dead letters" : "retries"): published \(count),",
                    "begun before it was mended \(begun), handled \(handled.value.count),",
                    "dead \(try await system.depth("email.dead") - filling), lost 0,",
                    "duplicates \(calls.value.values.reduce(0, +) - (count - failing) - failing * (isPermanent ? 1 : 5))"
                )
                #expect(begun < count)
                #expect(calls.value.allSatisfy { $0.value == ($0.key % 3 > 0 || isPermanent ? 1 : 5) })
                try await system.expectEmpty("email", "email.due", "email.retry.50ms", "email.retry.200ms")
            }
        }
    }

    @Test func `shutdown while nothing can be stored hands the message back, uncounted`() async throws {
        try await withVirtualHost { host, url in
            try await declare(url)
            let options = TopologyOptions(declares: false, rungs: RetryRungs(TestSystem.rungs))
            let worker = Observed<Worker<RabbitMQTransport>?>(nil)
            try await withSystem(url, gracePeriod: .milliseconds(100), options: options) { system in
                let made = system.worker("email") {
                    Subscription(to: Paid.self) { _, _ in throw PermanentError("no") }
                }
                worker.update { $0 = made }
            } body: { system in
                try await put(.bindingDeleted, host, url)
                for number in 0..<5 {
                    try await system.publisher("payout").publish(Paid(loan: "l\(number)", number: number))
                }
                try await eventually("the worker is blocked") { worker.value?.state == .blocked }
            }
            try await mend(.bindingDeleted, host, url)
            let seen = Seen()
            try await withSystem(url, options: options) { system in
                system.worker("email") { Subscription(to: Paid.self) { event, context in seen.add(event, context) } }
            } body: { system in
                try await eventually { seen.count == 5 }
                #expect(seen.contexts.allSatisfy { $0.attempt == 1 })
                #expect(try await system.depth("email.dead") == 0)
            }
        }
    }

    @Test func `a blocked connection holds retries and dead letters back, and all are stored afterwards`() async throws
    {
        try await withPrivateBroker(management: false) { broker in
            let gate = Gate()
            let started = Observed(0)
            let seen = Observed<Set<Int>>([])
            try await withSystem(broker.url) { system in
                system.worker("email") {
                    Subscription(to: Paid.self) { event, context in
                        if context.attempt == 1 {
                            started.update { $0 += 1 }
                            await gate.wait()
                        }
                        if event.number == 0 { throw PermanentError("no") }
                        if context.attempt < 4 { throw TransientError("not yet") }
                        seen.update { _ = $0.insert(event.number) }
                    }
                }
            } body: { system in
                for number in 0..<6 {
                    try await system.publisher("payout").publish(Paid(loan: "l\(number)", number: number))
                }
                try await eventually { started.value == 6 }
                try await broker.control("set_vm_memory_high_watermark", "0.0001")
                gate.open()
                try await broker.control("set_vm_memory_high_watermark", "0.6")
                try await eventually("all", within: .seconds(60)) { seen.value == [1, 2, 3, 4, 5] }
                try await eventually("the dead letter") { try await system.depth("email.dead") == 1 }
                try await system.expectEmpty("email", "email.due", "email.retry.50ms", "email.retry.200ms")
            }
        }
    }

    // MARK: Obstacles

    private var topology: Topology {
        Topology.service("email", subscribes: [Paid.eventType], options: TestSystem.options)
    }

    private func declare(_ url: String) async throws {
        try await withConnection(url) { try await topology.apply(on: $0, logger: quietLogger) }
    }

    private func put(_ obstacle: Obstacle, _ host: TestVirtualHost, _ url: String) async throws {
        switch obstacle {
        case .bindingDeleted:
            try await withConnection(url) { connection in
                let channel = try await connection.openChannel()
                for binding in topology.bindings where Self.targets.contains(binding.queue) {
                    try await channel.unbindQueue(
                        binding.queue, from: binding.exchange, routingKey: binding.routingKey)
                }
            }
        case .queueDeleted:
            try await withConnection(url) { connection in
                let channel = try await connection.openChannel()
                for queue in Self.targets { try await channel.deleteQueue(queue) }
            }
        case .exchangeDeleted:
            try await withConnection(url) { connection in
                try await connection.openChannel().deleteExchange(Self.names.exchange)
            }
        case .queueFull:
            try await host.broker.control(
                "set_policy", "-p", host.name, "full", #"\.dead$"#,
                #"{"max-length-bytes":0,"overflow":"reject-publish"}"#)
            try await withConnection(url) { connection in
                let channel = try await connection.openChannel(confirms: true)
                try await channel.publish(
                    OutgoingMessage(
                        exchange: Self.names.exchange, routingKey: "dead", properties: BasicProperties(), body: [0]))
            }
        }
    }

    private func mend(_ obstacle: Obstacle, _ host: TestVirtualHost, _ url: String) async throws {
        if obstacle == .queueFull {
            try await host.broker.control("clear_policy", "-p", host.name, "full")
        } else {
            try await declare(url)
        }
    }

    private func withConnection(_ url: String, _ body: (AMQPConnection) async throws -> Void) async throws {
        let connection = try await AMQPConnection.connect(try AMQPConfiguration(uri: url), logger: quietLogger)
        do {
            try await body(connection)
            await connection.close()
        } catch {
            await connection.close()
            throw error
        }
    }
}
