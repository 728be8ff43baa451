import AMQP
import FoundationEssentials
import Harebell
import HarebellDevelopment
import HarebellRabbitMQ
import ServiceLifecycle
import Synchronization
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(2))) struct TransportTests {
    @Test func `an event reaches every subscriber as it was published`() async throws {
        try await withVirtualHost { url in
            let email = Seen()
            let pdf = Seen()
            try await withSystem(url) { system in
                system.worker("email") { Subscription(to: Paid.self) { event, context in email.add(event, context) } }
                system.worker("pdf") { Subscription(to: Paid.self) { event, context in pdf.add(event, context) } }
            } body: { system in
                let id = try await system.publisher("payout").publish(Paid(loan: "l1", number: 1), correlationID: "c-1")
                try await eventually { email.count == 1 && pdf.count == 1 }
                #expect(email.contexts[0].envelope.id == id)
                #expect(email.contexts[0].envelope.correlationID == "c-1")
                #expect(email.contexts[0].attempt == 1)
                #expect(pdf.events == [Paid(loan: "l1", number: 1)])
            }
        }
    }

    @Test func `a publish waits no longer than its deadline for a broker that was never there`() async throws {
        let transport = RabbitMQTransport(
            configuration: try AMQPConfiguration(uri: "amqp://127.0.0.1:1"), publishDeadline: .seconds(1),
            logger: quietLogger)
        await withThrowingTaskGroup(of: Void.self) { tasks in
            tasks.addTask { try await transport.run() }
            defer { tasks.cancelAll() }
            let start = ContinuousClock.now
            let error = await #expect(throws: AMQPError.self) {
                try await Publisher(service: "payout", transport: transport).publish(Paid(loan: "l1", number: 1))
            }
            #expect(error?.code == .timedOut)
            #expect(ContinuousClock.now - start < .seconds(10))
        }
    }

    @Test func `what the broker refuses of one event is about that event, and an outage is not`() async throws {
        try await withVirtualHost { host, url in
            let owner = try await AMQPConnection.connect(AMQPConfiguration(uri: url), logger: quietLogger)
            try await Topology.events([Paid.eventType, Mailed.eventType]).apply(on: owner, logger: quietLogger)
            let (user, password) = (uniqueName("payout"), uniqueName("secret"))
            try await host.broker.addUser(
                user, password: password, virtualHost: host.name, configure: "^$", write: "^test[.]paid$", read: "^$")
            let limited = host.broker.url(user: user, password: password, virtualHost: host.name)
            let transport = RabbitMQTransport(
                configuration: try AMQPConfiguration(uri: limited), topology: TopologyOptions(declares: false),
                logger: quietLogger)
            try await withThrowingTaskGroup(of: Void.self) { tasks in
                tasks.addTask { try await transport.run() }
                defer { tasks.cancelAll() }
                let publisher = Publisher(service: "payout", transport: transport)
                try await publisher.publish(Paid(loan: "l1", number: 1))
                let refused = await #expect(throws: AMQPError.self) {
                    try await publisher.publish(Mailed(loan: "l1", attempt: 1))
                }
                #expect(refused?.replyCode == 403)
                #expect(transport.isAboutEvent(try #require(refused)))
                try await publisher.publish(Paid(loan: "l2", number: 1))
            }
            for code in [.connectionFailed, .connectionClosed, .closed, .authenticationRefused] as [AMQPError.Code] {
                #expect(!transport.isAboutEvent(AMQPError(code, "down")))
            }
            // A confirm that does not come while nothing is connected.
            #expect(!transport.isAboutEvent(AMQPError(.timedOut, "late")))
            await owner.close()
        }
    }

    @Test(arguments: ["email", "email.due"])
    func `a queue that is missing fails the start where nothing is declared`(missing: String) async throws {
        try await withVirtualHost { url in
            let configuration = try AMQPConfiguration(uri: url)
            let connection = try await AMQPConnection.connect(configuration, logger: quietLogger)
            try await Topology.service("email", subscribes: [Paid.eventType], options: TestSystem.options)
                .apply(on: connection, logger: quietLogger)
            _ = try await connection.openChannel().deleteQueue(missing)
            await connection.close()
            let transport = RabbitMQTransport(
                configuration: configuration,
                topology: TopologyOptions(declares: false, rungs: RetryRungs(TestSystem.rungs)), logger: quietLogger)
            let worker = Worker(service: "email", transport: transport, logger: quietLogger) {
                Subscription(to: Paid.self) { _, _ in }
            }
            let group = ServiceGroup(configuration: .init(services: [transport, worker], logger: quietLogger))
            let error = await #expect(throws: HarebellError.self) { try await group.run() }
            #expect(error?.code == .endpointEnded)
        }
    }

    @Test func `an event without a subscriber is kept in unrouted`() async throws {
        try await withVirtualHost { host, url in
            try await withSystem(url) { _ in
            } body: { system in
                try await system.publisher("payout").publish(Paid(loan: "l1", number: 1))
                let kept = try await system.read(queue: "unrouted", count: 1)
                #expect(try kept[0].properties().type == "test.paid")
            }
        }
    }

    @Test func `a transient failure is retried at once, then on the rungs, and succeeds`() async throws {
        try await withVirtualHost { url in
            let attempts = Mutex<[Int]>([])
            try await withSystem(url) { system in
                system.worker("email") {
                    Subscription(to: Paid.self) { _, context in
                        attempts.withLock { $0.append(context.attempt) }
                        if context.attempt < 5 { throw TransientError("not yet") }
                    }
                }
            } body: { system in
                try await system.publisher("payout").publish(Paid(loan: "l1", number: 1))
                try await eventually { attempts.withLock { $0.count } == 5 }
                #expect(attempts.withLock { $0 } == [1, 2, 3, 4, 5])
                try await system.expectEmpty(
                    "email", "email.due", "email.dead", "email.retry.50ms", "email.retry.200ms")
            }
        }
    }

    @Test func `the last failure is a dead letter that says everything`() async throws {
        try await withVirtualHost { url in
            try await withSystem(url) { system in
                system.worker("email") {
                    Subscription(to: Paid.self, name: "SendMail") { _, _ in throw TransientError("mailbox is full") }
                }
            } body: { system in
                let id = try await system.publisher("payout").publish(Paid(loan: "l1", number: 1), correlationID: "c")
                let letter = DeadLetter(try await system.read(queue: "email.dead", count: 1)[0])
                #expect(letter.id == id.rawValue)
                #expect(letter.reason.rawValue == "exhausted")
                #expect(letter.attempts == TestSystem.retry.maximumAttempts)
                #expect(letter.errorMessage?.contains("mailbox is full") == true)
                #expect(letter.handler == "SendMail")
                #expect(letter.service == "email")
                #expect(letter.originExchange == "test.paid")
                #expect(letter.correlationID == "c")
                #expect(letter.firstFailedAt != nil)
                #expect(letter.failedAt != nil)
            }
        }
    }

    @Test func `a permanent error is a dead letter at once`() async throws {
        try await withVirtualHost { url in
            let calls = Mutex(0)
            try await withSystem(url) { system in
                system.worker("email") {
                    Subscription(to: Paid.self) { _, _ in
                        calls.withLock { $0 += 1 }
                        throw PermanentError("no such customer")
                    }
                }
            } body: { system in
                try await system.publisher("payout").publish(Paid(loan: "l1", number: 1))
                let letter = DeadLetter(try await system.read(queue: "email.dead", count: 1)[0])
                #expect(letter.reason.rawValue == "permanent")
                #expect(letter.attempts == 1)
                #expect(calls.withLock { $0 } == 1)
            }
        }
    }

    @Test func `a delay between the rungs is made of hops, and is never early`() async throws {
        try await withVirtualHost { url in
            let moments = Mutex<[ContinuousClock.Instant]>([])
            try await withSystem(url) { system in
                system.worker("email") {
                    Subscription(to: Paid.self) { _, context in
                        moments.withLock { $0.append(.now) }
                        if context.attempt == 1 {
                            throw TransientError("busy", retryAfter: .milliseconds(670))
                        }
                    }
                }
            } body: { system in
                try await system.publisher("payout").publish(Paid(loan: "l1", number: 1))
                try await eventually { moments.withLock { $0.count } == 2 }
                let waited = moments.withLock { $0[0].duration(to: $0[1]) }
                #expect(waited >= .milliseconds(670))
                #expect(waited < .seconds(5))
            }
        }
    }

    @Test func `what a handler published goes out only when it succeeds, with the ids of a second run`() async throws {
        try await withVirtualHost { url in
            let sent = Seen()
            try await withSystem(url) { system in
                system.worker("email", publishes: [Mailed.eventType]) {
                    Subscription(to: Paid.self) { event, context in
                        try context.publish(Mailed(loan: event.loan, attempt: context.attempt))
                        if context.attempt < 3 { throw TransientError("not yet") }
                    }
                }
                system.worker("audit") {
                    Subscription(to: Mailed.self) { event, context in
                        sent.add(Paid(loan: event.loan, number: event.attempt), context)
                    }
                }
            } body: { system in
                let id = try await system.publisher("payout").publish(Paid(loan: "l1", number: 1), correlationID: "c")
                try await eventually { sent.count == 1 }
                #expect(sent.events[0].number == 3)
                #expect(sent.contexts[0].envelope.causationID == id.rawValue)
                #expect(sent.contexts[0].envelope.correlationID == "c")
            }
        }
    }

    @Test func `events of one key are handled in order while others overtake`() async throws {
        try await withVirtualHost { url in
            let seen = Seen()
            try await withSystem(url, prefetch: 50) { system in
                system.worker("partner") {
                    Subscription(to: Paid.self) { event, context in seen.add(event, context) }
                }
            } body: { system in
                let publisher = system.publisher("payout")
                try await withThrowingDiscardingTaskGroup { group in
                    for loan in 0..<20 {
                        group.addTask {
                            for number in 0..<25 {
                                try await publisher.publish(Paid(loan: "l\(loan)", number: number))
                            }
                        }
                    }
                }
                try await eventually(within: .seconds(30)) { seen.count == 500 }
                let inversions = Dictionary(grouping: seen.events, by: \.loan).values.reduce(0) { sum, events in
                    sum + zip(events, events.dropFirst()).count { $0.number > $1.number }
                }
                #expect(inversions == 0)
            }
        }
    }

    @Test func `shutdown finishes what runs and hands back the rest, uncounted`() async throws {
        try await withVirtualHost { url in
            let started = Mutex(0)
            let gate = Gate()
            try await withSystem(url, prefetch: 5) { system in
                system.worker("email") {
                    Subscription(to: Paid.self) { _, _ in
                        started.withLock { $0 += 1 }
                        await gate.wait()
                    }
                }
            } body: { system in
                for number in 0..<8 {
                    try await system.publisher("payout").publish(Paid(loan: "l\(number)", number: number))
                }
                try await eventually { started.withLock { $0 } == 5 }
                let stopping = Task { await system.stop() }
                gate.open()
                await stopping.value
            }
            // A second worker gets exactly what the first had not finished, as first attempts.
            let seen = Seen()
            try await withSystem(url) { system in
                system.worker("email") { Subscription(to: Paid.self) { event, context in seen.add(event, context) } }
            } body: { _ in
                let finished = started.withLock { $0 }
                try await eventually { seen.count == 8 - finished }
                #expect(seen.contexts.allSatisfy { $0.attempt == 1 })
            }
        }
    }

    @Test func `what shutdown hands back comes again in the queue's order`() async throws {
        try await withVirtualHost { url in
            let started = Mutex(0)
            try await withSystem(url, prefetch: 6, gracePeriod: .milliseconds(50)) { system in
                system.worker("email") {
                    Subscription(to: Paid.self) { _, _ in
                        started.withLock { $0 += 1 }
                        try await Task.sleep(for: .seconds(60))
                    }
                }
            } body: { system in
                for number in 0..<9 {
                    try await system.publisher("payout").publish(Paid(loan: "one", number: number))
                }
                try await eventually { started.withLock { $0 } == 1 }
            }
            let seen = Seen()
            try await withSystem(url) { system in
                system.worker("email") { Subscription(to: Paid.self) { event, context in seen.add(event, context) } }
            } body: { _ in
                try await eventually { seen.count == 9 }
                #expect(seen.events.map(\.number) == Array(0..<9))
                #expect(seen.contexts.allSatisfy { $0.attempt == 1 })
            }
        }
    }
}
