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
                let letters = try await system.read(queue: "email.dead", count: bodies.count).map(DeadLetter.init)
                #expect(letters.map(\.reason.rawValue) == Array(repeating: "poison", count: bodies.count))
                #expect(Set(letters.map(\.body)) == Set(bodies.map(\.1)))
                let forgedLetter = letters.first { $0.id == "forged" }
                #expect((forgedLetter?.attempts ?? 99) <= 1)
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
