import AMQP
import FoundationEssentials
import Harebell
import HarebellRabbitMQ
import Synchronization
import TestSupport
import Testing

/// What foreign clients can put into a work queue: each is one message's problem, and the next is handled.
@Suite(.timeLimit(.minutes(2))) struct HostileMessageTests {
    @Test func `hostile messages are dead-lettered and the next one is handled`() async throws {
        try await withVirtualHost { url in
            let seen = Seen()
            try await withSystem(url) { system in
                system.worker("email") { Subscription(to: Paid.self) { event, context in seen.add(event, context) } }
            } body: { system in
                var typed = BasicProperties()
                typed.type = "test.paid"
                typed.messageID = "garbage"
                var structured = BasicProperties()
                structured.contentType = "application/cloudevents+json"
                var wide = typed
                wide.messageID = "wide"
                for index in 0..<1_000 { wide.headers["header-\(index)"] = .string(String(repeating: "x", count: 100)) }
                var forged = typed
                forged.messageID = "forged"
                forged.headers["x-death"] = .array([
                    .table(["queue": "email.dead", "reason": "expired", "count": .int64(99)])
                ])
                forged.headers["harebell-attempt"] = .int64(9)
                forged.headers["harebell-not-before"] = .int64(.max)
                let bodies: [(BasicProperties, [UInt8])] = [
                    (typed, Array("\u{1B}[31mnot json".utf8)), (typed, []), (typed, Array("{\"loan\":7}".utf8)),
                    (structured, [0xFF, 0x00]), (wide, Array("[]".utf8)), (forged, Array("nope".utf8)),
                ]
                for (properties, body) in bodies {
                    try await system.send(properties, body, to: "test.paid")
                }
                try await system.publisher("payout").publish(Paid(loan: "good", number: 1))
                try await eventually { seen.count == 1 }
                let letters = try await system.read(queue: "email.dead", count: bodies.count).map { DeadLetter($0) }
                #expect(letters.map(\.reason.rawValue) == Array(repeating: "poison", count: bodies.count))
                #expect(Set(letters.map(\.body)) == Set(bodies.map(\.1)))
                let forgedLetter = letters.first { $0.id == "forged" }
                #expect((forgedLetter?.attempts ?? 99) <= 1)
            }
        }
    }

    @Test func `a publisher's own delivery count makes no suspect of its message`() async throws {
        try await withVirtualHost { url in
            let seen = Seen()
            try await withSystem(url) { system in
                system.worker("email") { Subscription(to: Paid.self) { event, context in seen.add(event, context) } }
            } body: { system in
                var forged = BasicProperties()
                forged.type = "test.paid"
                forged.messageID = "forged"
                forged.headers["x-delivery-count"] = .int64(1_000_000)
                try await system.send(forged, Array(#"{"loan":"l","number":1}"#.utf8), to: "test.paid")
                // A suspect with such a count would wait for half a minute.
                try await eventually { seen.count == 1 }
            }
        }
    }

    @Test func `an early copy that cannot be read whole is left to the broker, which keeps its bytes`() async throws {
        try await withVirtualHost { url in
            try await withSystem(url, maximumBodySize: 1_024) { system in
                system.worker("email") { Subscription(to: Paid.self) { _, _ in } }
            } body: { system in
                var early = BasicProperties()
                early.type = "test.paid"
                early.messageID = "large"
                early.headers["harebell-not-before"] = .int64(Int64(Date().timeIntervalSince1970 * 1_000) + 3_600_000)
                let body = [UInt8](repeating: 32, count: 4_096)
                try await system.withChannel(confirms: true) { channel in
                    try await channel.publish(
                        OutgoingMessage(exchange: "email", routingKey: "due", properties: early, body: body))
                }
                let letter = try await system.read(queue: "email.dead", count: 1)[0]
                #expect(letter.body == body)
            }
        }
    }

    @Test func `tables nested 18 000 deep are dead-lettered and the connection stays up`() async throws {
        try await withVirtualHost { url in
            let seen = Seen()
            try await withSystem(url) { system in
                system.worker("email") { Subscription(to: Paid.self) { event, context in seen.add(event, context) } }
            } body: { system in
                try await system.sendNestedHeaders(depth: 18_000, to: "test.paid")
                try await system.publisher("payout").publish(Paid(loan: "good", number: 1))
                try await eventually(within: .seconds(60)) { seen.count == 1 }
                let letter = DeadLetter(try await system.read(queue: "email.dead", count: 1, within: .seconds(60))[0])
                #expect(letter.reason.rawValue == "poison")
                #expect(letter.body == Array("deep".utf8))
            }
        }
    }

    /// Deaths as a broker writes them, in every queue of the service, so that any move looks like a cycle.
    private func forgedDeaths(_ reason: String) -> FieldValue {
        .array(
            ["email", "email.due", "email.retry.50ms", "email.retry.200ms", "email.dead"].map { queue in
                .table([
                    "queue": .string(queue), "reason": .string(reason), "count": 1, "exchange": "email",
                    "time": .timestamp(1_700_000_000), "routing-keys": .array(["dead"]),
                ])
            })
    }

    @Test(arguments: ["expired", "rejected", "maxlen", "delivery_limit"])
    func `a forged x-death makes no retry and no dead letter vanish`(reason: String) async throws {
        try await withVirtualHost { url in
            let seen = Seen()
            try await withSystem(url) { system in
                system.worker("email") {
                    Subscription(to: Paid.self) { event, context in
                        seen.add(event, context)
                        throw CancellationError()
                    }
                }
            } body: { system in
                var properties = BasicProperties()
                properties.type = "test.paid"
                properties.messageID = "forged"
                properties.headers["x-death"] = forgedDeaths(reason)
                properties.headers["x-first-death-queue"] = "email.dead"
                try await system.send(properties, Array(#"{"loan":"a","number":1}"#.utf8), to: "test.paid")
                let letter = DeadLetter(try await system.read(queue: "email.dead", count: 1)[0])
                #expect(letter.id == "forged")
                #expect(letter.reason.rawValue == "exhausted")
                #expect(seen.count == letter.attempts)
                try await system.expectEmpty("email", "email.due", "email.retry.50ms", "email.retry.200ms")
            }
        }
    }

    @Test(arguments: ["expired", "rejected", "maxlen", "delivery_limit"])
    func `a forged x-death makes no message vanish that the broker dead-letters itself`(reason: String) async throws {
        try await withVirtualHost { url in
            try await withSystem(url) { system in
                system.worker("email") { Subscription(to: Paid.self) { _, _ in } }
            } body: { system in
                var properties = BasicProperties()
                properties.messageID = "forged"
                properties.headers["x-death"] = forgedDeaths(reason)
                // A queue like the service's work queue, without a consumer, whose dead letters are the service's.
                let queue = uniqueName("work")
                try await system.withChannel(confirms: true) { channel in
                    try await channel.declareQueue(
                        queue,
                        arguments: [
                            "x-queue-type": "quorum", "x-dead-letter-exchange": "email",
                            "x-dead-letter-routing-key": "dead", "x-dead-letter-strategy": "at-least-once",
                            "x-overflow": "reject-publish", "x-delivery-limit": 2,
                        ])
                    try await channel.publish(
                        OutgoingMessage(exchange: "", routingKey: queue, properties: properties, body: [1]))
                    for _ in 0...2 {
                        let delivery = try await eventualValue("the message") { try await channel.get(queue) }
                        // From 4.3 on, RabbitMQ counts rejections and no nacks.
                        #expect(delivery.reject(requeue: true))
                    }
                }
                let version = try await system.brokerVersion()
                // RabbitMQ 3 believes a client's x-death and drops what it takes for a cycle of its own making; a
                // rejection among the deaths is no cycle. Such a message has to lose its x-death before its last delivery.
                try await withKnownIssue("RabbitMQ 3 drops it as a cycle") {
                    let letters = try await system.read(queue: "email.dead", count: 1, within: .seconds(5))
                    #expect(DeadLetter(letters[0]).id == "forged")
                } when: {
                    version.hasPrefix("3.") && reason != "rejected"
                }
            }
        }
    }

    @Test func `a type that no handler takes waits on a rung, and is not lost`() async throws {
        try await withVirtualHost { url in
            try await withSystem(url) { system in
                system.worker("email") { Subscription(to: Paid.self) { _, _ in } }
            } body: { system in
                var properties = BasicProperties()
                properties.type = "test.unknown"
                properties.messageID = "u1"
                try await system.send(properties, Array("{}".utf8), to: "test.paid")
                // 30 s ± 20 % on rungs of 50 and 200 ms: it circles there until its time comes.
                try await system.expectEventually("it waits on a rung or in due") { depths in
                    (depths["email.retry.200ms"] ?? 0) + (depths["email.retry.50ms"] ?? 0) + (depths["email.due"] ?? 0)
                        == 1
                        && depths["email.dead"] == 0
                }
            }
        }
    }
}
