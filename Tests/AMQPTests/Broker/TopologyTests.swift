import TestSupport
import Testing

@testable import AMQP

@Suite(.timeLimit(.minutes(3))) struct `Topology on a broker` {
    @Test func `the connection knows its broker`() async throws {
        try await withConnection { connection in
            #expect(connection.brokerVersion?.first?.isNumber == true)
            #expect(connection.isOpen)
            #expect(!connection.isBlocked)
        }
    }

    @Test func `queues are declared, inspected, purged and deleted`() async throws {
        try await withConnection { connection in
            let channel = try await connection.openChannel(confirms: true)
            let name = uniqueName("queue")
            let state = try await channel.declareQueue(name, arguments: ["x-queue-type": "quorum"])
            #expect(state == QueueState(name: name, messageCount: 0, consumerCount: 0))
            for _ in 0..<3 { try await channel.publish(.test(exchange: "", key: name)) }
            #expect(try await channel.declareQueue(name, passive: true).messageCount == 3)
            #expect(try await channel.purgeQueue(name) == 3)
            #expect(try await channel.deleteQueue(name) == 0)
            let error = await failure { try await channel.declareQueue(name, passive: true) }
            #expect(error?.code == .channelClosed)
            #expect(error?.replyCode == 404)
        }
    }

    @Test func `a queue without a name gets one from the broker`() async throws {
        try await withConnection { connection in
            let channel = try await connection.openChannel()
            let name = try await channel.declareQueue("", durable: false, exclusive: true, autoDelete: true).name
            #expect(name.hasPrefix("amq.gen-"))
            #expect(try await channel.get(name) == nil)
        }
    }

    @Test(arguments: [ExchangeType.fanout, .direct, .topic, .headers])
    func `exchanges of every type are declared, bound, unbound and deleted`(type: ExchangeType) async throws {
        try await withConnection { connection in
            let channel = try await connection.openChannel(confirms: true)
            let (source, target) = (uniqueName("source"), uniqueName("target"))
            try await channel.declareExchange(source, type: type)
            try await channel.declareExchange(target, type: .fanout, durable: false, autoDelete: false)
            let queue = try await channel.declareTestQueue()
            try await channel.bindQueue(queue, to: target)
            let arguments: FieldTable = type == .headers ? ["x-match": "any", "color": "red"] : [:]
            try await channel.bindExchange(target, to: source, routingKey: "key", arguments: arguments)
            var message = OutgoingMessage.test([7], exchange: source, key: "key")
            message.properties.headers = ["color": "red"]
            try await channel.publish(message)
            #expect(try await channel.get(queue)?.body == [7])
            try await channel.unbindExchange(target, from: source, routingKey: "key", arguments: arguments)
            let returned = await failure { try await channel.publish(message) }
            #expect(returned?.code == .returned)
            #expect(returned?.replyCode == 312)
            try await channel.unbindQueue(queue, from: target)
            try await channel.deleteExchange(source, ifUnused: true)
            try await channel.deleteExchange(target)
        }
    }

    @Test func `a declaration that differs is explained with 406`() async throws {
        try await withConnection { connection in
            let channel = try await connection.openChannel()
            let name = uniqueName("queue")
            try await channel.declareQueue(name, arguments: ["x-max-length": 10])
            let error = await failure { try await channel.declareQueue(name, arguments: ["x-max-length": 11]) }
            #expect(error?.code == .channelClosed)
            #expect(error?.replyCode == 406)
            #expect(error?.message.contains("x-max-length") == true)
            #expect(!channel.isOpen)
            #expect(await channel.waitUntilClosed()?.replyCode == 406)
            #expect(await failure { try await channel.purgeQueue(name) }?.replyCode == 406)
            #expect(connection.isOpen)
            let other = try await connection.openChannel()
            #expect(other.number == channel.number)
            #expect(try await other.deleteQueue(name) == 0)
        }
    }

    @Test func `1 000 calls at once on one channel are answered each with its own`() async throws {
        try await withConnection { connection in
            let channel = try await connection.openChannel()
            let names = try await withThrowingTaskGroup(of: (String, String).self) { group in
                for index in 0..<1000 {
                    group.addTask {
                        let name = "q\(index)"
                        return (name, try await channel.declareQueue(name, durable: false, exclusive: true).name)
                    }
                }
                return try await group.reduce(into: []) { $0.append($1) }
            }
            #expect(names.count == 1000)
            #expect(names.allSatisfy { $0.0 == $0.1 })
        }
    }

    @Test func `names over 255 bytes are refused locally and harm nothing`() async throws {
        try await withConnection { connection in
            let channel = try await connection.openChannel()
            let error = await failure { try await channel.declareQueue(String(repeating: "n", count: 256)) }
            #expect(error?.code == .invalidArgument)
            #expect(try await channel.declareTestQueue(String(repeating: "n", count: 255)).count == 255)
        }
    }

    @Test func `a channel closed by us ends with nil, and its number is used again`() async throws {
        try await withConnection { connection in
            let channel = try await connection.openChannel()
            await channel.close()
            await channel.close()
            #expect(await channel.waitUntilClosed() == nil)
            #expect(await failure { try await channel.purgeQueue("q") }?.code == .closed)
            let other = try await connection.openChannel()
            #expect(other.number == channel.number)
        }
    }

    @Test func `a channel whose handle is dropped is closed`() async throws {
        try await withConnection { connection in
            do { _ = try await connection.openChannel() }
            try await eventually("the number is free") { try await connection.openChannel().number == 1 }
        }
    }

    @Test func `a connection closed by us ends with nil and refuses calls`() async throws {
        try await withConnection { connection in
            let channel = try await connection.openChannel()
            await connection.close()
            #expect(await connection.waitUntilClosed() == nil)
            #expect(!connection.isOpen)
            #expect(await failure { _ = try await connection.openChannel() }?.code == .closed)
            #expect(await failure { try await channel.purgeQueue("q") }?.code == .closed)
        }
    }
}
