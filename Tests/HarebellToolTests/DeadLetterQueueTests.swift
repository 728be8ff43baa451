import AMQP
import Foundation
import Harebell
import HarebellDevelopment
import HarebellRabbitMQ
import TestSupport
import Testing

@testable import HarebellOperations

@Suite(.timeLimit(.minutes(2))) struct DeadLetterQueueTests {
    /// A service's topology with five dead letters, `m0` to `m4`.
    private func withDeadLetters(
        _ body: (AMQPConnection, DeadLetterQueue, AMQPChannel) async throws -> Void
    ) async throws {
        try await withVirtualHost { url in
            let connection = try await AMQPConnection.connect(try AMQPConfiguration(uri: url), logger: quietLogger)
            try await Topology.service("partner", subscribes: ["loan.created"]).apply(
                on: connection, logger: quietLogger)
            let channel = try await connection.openChannel(confirms: true)
            for index in 0..<5 {
                var properties = BasicProperties()
                properties.messageID = "m\(index)"
                properties.headers = ["harebell-reason": "permanent", "harebell-attempt": .int64(1)]
                try await channel.publish(
                    OutgoingMessage(
                        exchange: "partner", routingKey: "dead", properties: properties, body: [UInt8(index)]))
            }
            try await body(connection, DeadLetterQueue(service: "partner", connection: connection), channel)
            await connection.close()
        }
    }

    @Test func `looking twice shows the same dead letters in the same order, and removes none`() async throws {
        try await withDeadLetters { _, queue, _ in
            for _ in 0..<3 {
                let listing = try await queue.list()
                #expect(listing.total == 5)
                #expect(listing.letters.map(\.id) == ["m0", "m1", "m2", "m3", "m4"])
            }
            let two = try await queue.list(limit: 2)
            #expect(two.letters.map(\.id) == ["m0", "m1"])
            #expect(two.total == 5)
        }
    }

    @Test func `a second reader is refused while the first reads, and told by whom`() async throws {
        let broker = try await TestBroker.shared()
        let host = uniqueName("reader")
        try await broker.addVirtualHost(host)
        let configuration = try AMQPConfiguration(uri: broker.url(virtualHost: host))
        let first = try await AMQPConnection.connect(configuration, logger: quietLogger)
        try await Topology.service("partner", subscribes: ["loan.created"]).apply(on: first, logger: quietLogger)
        try await DeadLetterQueue(service: "partner", connection: first).withReader { _ in
            let second = try await AMQPConnection.connect(configuration, logger: quietLogger)
            await #expect(throws: OperationError.inUse("partner.dead", by: nil)) {
                try await DeadLetterQueue(service: "partner", connection: second).list()
            }
            let api = try ManagementAPI(
                url: try #require(broker.managementURL), credentials: configuration.credentials, virtualHost: host)
            try await eventually("the management API names the reader") {
                try await api.reader(of: "partner.dead")?.contains("127.0.0.1") == true
            }
            await second.close()
        }
        await first.close()
        try await broker.removeVirtualHost(host)
    }

    @Test func `a queue that does not exist is named`() async throws {
        try await withDeadLetters { connection, _, _ in
            let other = DeadLetterQueue(service: "nobody", connection: connection)
            await #expect(throws: OperationError.noSuchQueue("nobody.dead")) { try await other.list() }
        }
    }

    @Test func `a replay by id takes that one, with its bytes, and leaves the others in order`() async throws {
        try await withDeadLetters { _, queue, channel in
            #expect(try await queue.replayed(.ids(["m2"]), dryRun: true).ids == ["m2"])
            let (ids, result) = try await queue.replayed(.ids(["m2", "zz"]))
            #expect(ids == ["m2"] && result.replayed == 1)
            #expect(result.failed.isEmpty)
            #expect(result.notFound == ["zz"])
            #expect(try await queue.list().letters.map(\.id) == ["m0", "m1", "m3", "m4"])
            let due = try #require(try await channel.get("partner.due"))
            #expect(due.body == [2])
            #expect(try due.properties().messageID == "m2")
            #expect(try due.properties().headers["harebell-replay-count"] == .int64(1))
            #expect(try due.properties().headers["harebell-reason"] == nil)
        }
    }

    @Test func `a replay of all empties the queue and stores each once`() async throws {
        try await withDeadLetters { _, queue, channel in
            let (ids, result) = try await queue.replayed(.all)
            #expect(ids == ["m0", "m1", "m2", "m3", "m4"] && result.replayed == 5)
            #expect(try await queue.list().total == 0)
            #expect(try await channel.declareQueue("partner.due", passive: true).messageCount == 5)
        }
    }

    @Test func `no more are replayed than were asked for, the oldest first, and each is told`() async throws {
        try await withDeadLetters { _, queue, _ in
            var told: [String?] = []
            let result = try await queue.replay(.oldest(2)) { letter, _ in told.append(letter.id) }
            #expect(told == ["m0", "m1"])
            #expect(result.looked == 2 && result.total == 5)
            #expect(try await queue.list().letters.map(\.id) == ["m2", "m3", "m4"])
        }
    }

    @Test func `a body that is larger than the connection takes is never replayed without its bytes`() async throws {
        try await withVirtualHost { url in
            var configuration = try AMQPConfiguration(uri: url)
            let whole = try await AMQPConnection.connect(configuration, logger: quietLogger)
            try await Topology.service("partner", subscribes: ["loan.created"]).apply(on: whole, logger: quietLogger)
            let channel = try await whole.openChannel(confirms: true)
            var properties = BasicProperties()
            properties.messageID = "large"
            let body = [UInt8](repeating: 7, count: 4_096)
            try await channel.publish(
                OutgoingMessage(exchange: "partner", routingKey: "dead", properties: properties, body: body))

            configuration.maximumBodySize = 1_024
            let narrow = try await AMQPConnection.connect(configuration, logger: quietLogger)
            let queue = DeadLetterQueue(service: "partner", connection: narrow)
            let listed = try #require(try await queue.list().letters.first)
            #expect(listed.isTruncated && listed.bodySize == 4_096)
            let result = try await queue.replay(.all)
            #expect(result.replayed == 0)
            #expect(result.failed.map { $0.error as? OperationError } == [.bodyTooLarge(4_096)])
            await narrow.close()

            let all = DeadLetterQueue(service: "partner", connection: whole)
            #expect(try await all.replayed(.all).ids == ["large"])
            #expect(try #require(try await channel.get("partner.due")).body == body)
            await whole.close()
        }
    }

    @Test func `a copy that cannot be stored stays a dead letter`() async throws {
        try await withDeadLetters { _, queue, channel in
            try await channel.unbindQueue("partner.due", from: "partner", routingKey: "due")
            let result = try await queue.replay(.all)
            #expect(result.replayed == 0)
            #expect(result.failed.count == 5)
            #expect(try await queue.list().letters.map(\.id) == ["m0", "m1", "m2", "m3", "m4"])
        }
    }
}

@Suite(.timeLimit(.minutes(2))) struct EventPublicationTests {
    private func envelope(_ type: EventType) -> Envelope {
        Envelope(
            id: .make(), type: type, source: "/t", time: .init(), correlationID: "c", producer: "t", body: [123, 125])
    }

    @Test func `an operator is told who gets an event: a subscriber, nobody, or not even the broker`() async throws {
        try await withVirtualHost { url in
            let connection = try await AMQPConnection.connect(try AMQPConfiguration(uri: url), logger: quietLogger)
            try await Topology.service("email", subscribes: ["loan.created"], publishes: ["loan.canceled"])
                .apply(on: connection, logger: quietLogger)
            let channel = try await connection.openChannel()
            try await channel.declareExchange("loan.bare", type: .fanout)
            let publication = try await EventPublication(connection: connection)
            #expect(try await publication.publish([envelope("loan.created")]) == [.confirmed])
            #expect(
                try await publication.publish([envelope("loan.canceled"), envelope("loan.created")])
                    == [.confirmedWithoutSubscriber, .confirmed])
            #expect(try await publication.publish([envelope("loan.bare")]) == [.returned])
            await #expect(throws: OperationError.noSuchExchange("loan.nowhere")) {
                try await publication.publish([envelope("loan.nowhere")])
            }
            await connection.close()
        }
    }
}

@Suite(.timeLimit(.minutes(2))) struct UnroutedEventsTests {
    /// Three events that nobody subscribed to: `e0` to `e2`, the last with headers that claim a failure.
    private func withUnrouted(
        _ body: (AMQPConnection, DeadLetterQueue, AMQPChannel) async throws -> Void
    ) async throws {
        try await withVirtualHost { url in
            let connection = try await AMQPConnection.connect(try AMQPConfiguration(uri: url), logger: quietLogger)
            try await Topology.events(["loan.created"]).apply(on: connection, logger: quietLogger)
            let channel = try await connection.openChannel(confirms: true)
            for index in 0..<3 {
                var properties = BasicProperties()
                properties.messageID = "e\(index)"
                properties.type = "loan.created"
                if index == 2 { properties.headers = ["harebell-reason": "permanent", "harebell-attempt": .int64(9)] }
                try await channel.publish(
                    OutgoingMessage(
                        exchange: "loan.created", routingKey: "", properties: properties, body: [UInt8(index)]))
            }
            try await body(connection, DeadLetterQueue(.unrouted, connection: connection), channel)
            await connection.close()
        }
    }

    @Test func `unrouted events are listed as what they are, whatever they claim`() async throws {
        try await withUnrouted { _, queue, _ in
            for _ in 0..<2 {
                let letters = try await queue.list().letters
                #expect(letters.map(\.id) == ["e0", "e1", "e2"])
                #expect(letters.allSatisfy { $0.reason == .unrouted && $0.attempts == 0 })
                #expect(letters.allSatisfy { $0.originExchange == "loan.created" && $0.type == "loan.created" })
            }
        }
    }

    @Test func `unrouted events reach a service that has subscribed since, with their bytes, and are gone`()
        async throws
    {
        try await withUnrouted { connection, queue, channel in
            try await Topology.service("partner", subscribes: ["loan.created"]).apply(
                on: connection, logger: quietLogger)
            let (ids, first) = try await queue.replayed(.ids(["e1"]))
            #expect(ids == ["e1"] && first.unroutedAgain == 0)
            let dry = try await queue.replay(.all, dryRun: true)
            #expect(dry.replayed == 2 && dry.unroutedAgain == 0)
            let (others, rest) = try await queue.replayed(.all)
            #expect(others == ["e0", "e2"] && rest.unroutedAgain == 0)
            let left = try await queue.list()
            #expect(left.total == 0)
            var bodies: [[UInt8]] = []
            while let delivery = try await channel.get("partner") {
                #expect(delivery.exchange == "loan.created")
                #expect(try delivery.properties().messageID == "e\(delivery.body[0])")
                bodies.append(delivery.body)
                delivery.acknowledge()
            }
            #expect(bodies == [[1], [0], [2]])
        }
    }

    @Test func `unrouted events that still nobody wants stay, each once, and are counted`() async throws {
        try await withUnrouted { _, queue, _ in
            let result = try await queue.replay(.all)
            #expect(result.replayed == 3 && result.unroutedAgain == 3)
            let letters = try await queue.list().letters
            #expect(letters.map(\.id) == ["e0", "e1", "e2"])
            let count = try await queue.count()
            #expect(count == 3)
        }
    }

    @Test func `an unrouted event whose exchange is gone stays`() async throws {
        try await withUnrouted { connection, queue, _ in
            let other = try await connection.openChannel()
            try await other.deleteExchange("loan.created")
            let result = try await queue.replay(.all)
            #expect(result.replayed == 0 && result.failed.count == 3 && result.unroutedAgain == 0)
            let left = try await queue.list()
            #expect(left.total == 3)
        }
    }

    @Test func `events of other exchanges are published again, once each, beside one whose exchange is gone`()
        async throws
    {
        try await withUnrouted { connection, queue, channel in
            try await Topology.events(["loan.paid-out"]).apply(on: connection, logger: quietLogger)
            for id in ["p0", "p1"] {
                var properties = BasicProperties()
                properties.messageID = id
                properties.type = "loan.paid-out"
                let message = OutgoingMessage(
                    exchange: "loan.paid-out", routingKey: "", properties: properties, body: [1])
                try await channel.publish(message)
            }
            try await Topology.service("partner", subscribes: ["loan.paid-out"])
                .apply(on: connection, logger: quietLogger)
            try await connection.openChannel().deleteExchange("loan.created")
            let (ids, result) = try await queue.replayed(.all)
            #expect(ids == ["p0", "p1"] && result.failed.map(\.letter.id) == ["e0", "e1", "e2"])
            #expect(try await queue.list().letters.map(\.id) == ["e0", "e1", "e2"])
            #expect(try await channel.declareQueue("partner", passive: true).messageCount == 2)
        }
    }
}
