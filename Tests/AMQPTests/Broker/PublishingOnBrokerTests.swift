import TestSupport
import Testing

@testable import AMQP

@Suite(.timeLimit(.minutes(3))) struct `Publishing to a broker` {
    @Test func `a message arrives as it was sent`() async throws {
        try await withConnection { connection in
            let channel = try await connection.openChannel(confirms: true)
            let queue = try await channel.declareTestQueue()
            var message = OutgoingMessage.test(Array("Åsa".utf8), exchange: "", key: queue)
            message.properties = PropertiesTests.full.properties
            message.properties.userID = nil
            message.properties.headers = FieldTable(
                FieldTableTestKinds.all.enumerated().map { ("k\($0.offset)", $0.element) })
            try await channel.publish(message)
            let delivery = try #require(try await channel.get(queue))
            var properties = try delivery.properties()
            // From 4.0 on, RabbitMQ sorts the headers.
            #expect(properties.headers.count == message.properties.headers.count)
            for (key, value) in message.properties.headers { #expect(properties.headers[key] == value, "\(key)") }
            properties.headers = message.properties.headers
            #expect(properties == message.properties)
            #expect(delivery.body == message.body)
            #expect(delivery.routingKey == queue)
            #expect(delivery.headerBytes > 100)
        }
    }

    @Test func `bodies of every critical size arrive whole`() async throws {
        try await withConnection({ $0.frameMax = 8192 }) { connection in
            let channel = try await connection.openChannel(confirms: true)
            let queue = try await channel.declareTestQueue()
            for size in [0, 1, 8183, 8184, 8185, 2 * 8184, 2 * 8184 + 1, 1_000_000] {
                let body = (0..<size).map { UInt8(truncatingIfNeeded: $0 &* 7) }
                try await channel.publish(.test(body, exchange: "", key: queue))
                #expect(try await channel.get(queue)?.body == body, "\(size) bytes")
            }
        }
    }

    @Test func `acks, a return and a reject-publish in one batch find their messages`() async throws {
        try await withConnection { connection in
            let channel = try await connection.openChannel(confirms: true)
            let full = try await channel.declareTestQueue(
                arguments: ["x-max-length": 1, "x-overflow": "reject-publish"])
            let open = try await channel.declareTestQueue()
            try await channel.publish(.test(exchange: "", key: full))
            let messages = (0..<300).map { index in
                OutgoingMessage.test([UInt8(index % 256)], exchange: "", key: [open, full, "nowhere"][index % 3])
            }
            let results = await channel.publish(messages)
            #expect(results.count == 300)
            for (index, result) in results.enumerated() {
                switch index % 3 {
                case 0: #expect(result.failure == nil)
                case 1: #expect(result.failure?.code == .nacked)
                default: #expect(result.failure?.code == .returned)
                }
            }
            #expect(try await channel.purgeQueue(open) == 100)
        }
    }

    @Test func `10 000 pipelined publishes are resolved once each`() async throws {
        try await withConnection { connection in
            let channel = try await connection.openChannel(confirms: true)
            let queue = try await channel.declareTestQueue()
            let batch = (0..<5000).map {
                OutgoingMessage.test([UInt8($0 % 256)], exchange: "", key: queue, id: "b\($0)")
            }
            async let results = channel.publish(batch)
            try await withThrowingTaskGroup(of: Void.self) { group in
                for index in 0..<5000 {
                    group.addTask { try await channel.publish(.test(exchange: "", key: queue, id: "t\(index)")) }
                }
                try await group.waitForAll()
            }
            #expect(await results.filter { $0.failure != nil }.isEmpty)
            #expect(try await channel.purgeQueue(queue) == 10_000)
        }
    }

    @Test func `more than a gibibyte at once is refused before a byte of it is copied`() async throws {
        try await withConnection { connection in
            let channel = try await connection.openChannel(confirms: true)
            let queue = try await channel.declareTestQueue()
            let body = [UInt8](repeating: 0, count: 8 << 20)
            let outcomes = await channel.publish((0..<600).map { _ in .test(body, exchange: "", key: queue) })
            #expect(outcomes.count == 600)
            #expect(outcomes.allSatisfy { $0.failure?.code == .invalidArgument })
            try await channel.publish(.test(exchange: "", key: queue))
            #expect(try await channel.purgeQueue(queue) == 1)
        }
    }

    @Test func `a message with too large headers fails alone and the connection goes on`() async throws {
        try await withConnection { connection in
            let channel = try await connection.openChannel(confirms: true)
            let queue = try await channel.declareTestQueue()
            var broken = OutgoingMessage.test(exchange: "", key: queue)
            broken.properties.headers = ["k": .string(String(repeating: "x", count: 140_000))]
            let results = await channel.publish([
                .test(exchange: "", key: queue), broken, .test(exchange: "", key: queue),
            ])
            #expect(results.map(\.failure?.code) == [nil, .invalidArgument, nil])
            #expect(try await channel.purgeQueue(queue) == 2)
        }
    }

    @Test func `headers that fill a frame to the last byte arrive`() async throws {
        try await withConnection { connection in
            let channel = try await connection.openChannel(confirms: true)
            let queue = try await channel.declareTestQueue()
            var message = OutgoingMessage.test(exchange: "", key: queue)
            let room = 131_072 - 8 - 12 - 2 - 4 - 2 - 5
            message.properties.headers = ["k": .string(String(repeating: "x", count: room))]
            try await channel.publish(message)
            #expect(try await channel.get(queue)?.properties().headers == message.properties.headers)
        }
    }

    @Test func `a missing exchange closes the channel and resolves every publish`() async throws {
        try await withConnection { connection in
            let channel = try await connection.openChannel(confirms: true)
            let other = try await connection.openChannel(confirms: true)
            let queue = try await channel.declareTestQueue()
            let results = await channel.publish((0..<50).map { _ in .test(exchange: "no-such-exchange") })
            #expect(results.allSatisfy { $0.failure?.code == .channelClosed && $0.failure?.replyCode == 404 })
            #expect(results.first?.failure?.message.contains("no-such-exchange") == true)
            try await other.publish(.test(exchange: "", key: queue))
        }
    }

    @Test func `without confirms a publish returns at once`() async throws {
        try await withConnection { connection in
            let channel = try await connection.openChannel()
            let queue = try await channel.declareTestQueue()
            try await channel.publish(.test(exchange: "", key: queue))
            try await eventually("the message is there") { try await channel.get(queue) != nil }
        }
    }

    @Test func `cancelled publishes leave nothing behind`() async throws {
        try await withConnection { connection in
            let channel = try await connection.openChannel(confirms: true)
            let queue = try await channel.declareTestQueue()
            let codes = await withTaskGroup(of: AMQPError.Code?.self) { group in
                for _ in 0..<200 {
                    group.addTask { await failure { try await channel.publish(.test(exchange: "", key: queue)) }?.code }
                }
                group.cancelAll()
                return await group.reduce(into: [AMQPError.Code?]()) { $0.append($1) }
            }
            #expect(codes.allSatisfy { $0 == nil || $0 == .cancelled })
            try await channel.publish(.test(exchange: "", key: queue))
            try await eventually("all are confirmed") {
                connection.core.read { $0.channels[channel.number]?.confirms.unconfirmed == 0 && $0.gated.isEmpty }
            }
        }
    }

    @Test func `many channels publish side by side`() async throws {
        try await withConnection { connection in
            let setup = try await connection.openChannel()
            let queue = try await setup.declareTestQueue()
            try await withThrowingTaskGroup(of: Void.self) { group in
                for _ in 0..<20 {
                    group.addTask {
                        let channel = try await connection.openChannel(confirms: true)
                        for size in [10, 200_000, 10] {
                            try await channel.publish(.test(Array(repeating: 1, count: size), exchange: "", key: queue))
                        }
                        await channel.close()
                    }
                }
                try await group.waitForAll()
            }
            #expect(try await setup.purgeQueue(queue) == 60)
        }
    }
}

enum FieldTableTestKinds {
    static var all: [FieldValue] { `Field tables`.everyKind.map(\.1) }
}

extension FieldTable {
    init(_ fields: [(String, FieldValue)]) {
        self.init()
        for (key, value) in fields { self[key] = value }
    }
}
