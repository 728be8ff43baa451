import TestSupport
import Testing

@testable import AMQP

@Suite(.timeLimit(.minutes(3))) struct `Consuming from a broker` {
    private func filled(_ channel: AMQPChannel, _ count: Int) async throws -> String {
        let queue = try await channel.declareTestQueue()
        let results = await channel.publish((0..<count).map { .test([UInt8($0 % 256)], exchange: "", key: queue) })
        #expect(results.allSatisfy { $0.failure == nil })
        return queue
    }

    @Test func `deliveries come in order and are acknowledged`() async throws {
        try await withConnection { connection in
            let channel = try await connection.openChannel(confirms: true)
            let queue = try await filled(channel, 1000)
            let deliveries = try await channel.consume(queue, prefetch: 50)
            var expected = 0
            for try await delivery in deliveries {
                #expect(delivery.body == [UInt8(expected % 256)])
                #expect(delivery.deliveryTag == UInt64(expected + 1))
                #expect(delivery.consumerTag == deliveries.consumerTag)
                #expect(delivery.acknowledge())
                #expect(!delivery.acknowledge())
                expected += 1
                if expected == 1000 { break }
            }
            await channel.close()
            let other = try await connection.openChannel()
            #expect(try await other.declareQueue(queue, durable: false, passive: true).messageCount == 0)
        }
    }

    @Test func `prefetch bounds what is held`() async throws {
        try await withConnection { connection in
            let channel = try await connection.openChannel(confirms: true)
            let queue = try await filled(channel, 100)
            let deliveries = try await channel.consume(queue, prefetch: 7)
            var iterator = deliveries.makeAsyncIterator()
            let first = try #require(try await iterator.next())
            try await eventually("seven are out") {
                try await channel.declareQueue(queue, durable: false, passive: true).messageCount == 93
            }
            first.acknowledge()
            try await eventually("the eighth is out") {
                try await channel.declareQueue(queue, durable: false, passive: true).messageCount == 92
            }
        }
    }

    @Test func `nack requeues, reject drops`() async throws {
        try await withConnection { connection in
            let channel = try await connection.openChannel(confirms: true)
            let queue = try await filled(channel, 1)
            let first = try #require(try await channel.get(queue))
            #expect(!first.isRedelivered)
            #expect(first.nack())
            let second = try await eventualValue("the message again") { try await channel.get(queue) }
            #expect(second.isRedelivered)
            #expect(second.reject())
            #expect(!second.nack())
            #expect(try await channel.get(queue) == nil)
        }
    }

    @Test func `nack without requeue dead-letters, with x-death readable`() async throws {
        try await withConnection { connection in
            let channel = try await connection.openChannel(confirms: true)
            let dead = try await channel.declareTestQueue()
            let queue = try await channel.declareTestQueue(arguments: [
                "x-dead-letter-exchange": "", "x-dead-letter-routing-key": .string(dead),
            ])
            try await channel.publish(.test([5], exchange: "", key: queue))
            try #require(try await channel.get(queue)).nack(requeue: false)
            let delivery = try await eventualValue("the dead letter") { try await channel.get(dead) }
            guard case .array(let deaths) = try delivery.properties().headers["x-death"],
                case .table(let death) = deaths.first
            else {
                Issue.record("no x-death")
                return
            }
            #expect(death["queue"]?.stringValue == queue)
            #expect(death["reason"]?.stringValue == "rejected")
            #expect(death["count"]?.integerValue == 1)
        }
    }

    @Test func `our cancel ends the stream after what has arrived, and that can be settled`() async throws {
        try await withConnection { connection in
            let channel = try await connection.openChannel(confirms: true)
            let queue = try await filled(channel, 10)
            let deliveries = try await channel.consume(queue, prefetch: 10)
            try await eventually("all are out") {
                try await channel.declareQueue(queue, durable: false, passive: true).messageCount == 0
            }
            await deliveries.cancel()
            var count = 0
            for try await delivery in deliveries {
                #expect(delivery.acknowledge())
                count += 1
            }
            #expect(count == 10)
            let state = try await channel.declareQueue(queue, durable: false, passive: true)
            #expect(state.consumerCount == 0)
            #expect(state.messageCount == 0)
        }
    }

    @Test func `a deleted queue ends the stream with an error`() async throws {
        try await withConnection { connection in
            let channel = try await connection.openChannel(confirms: true)
            let queue = try await channel.declareTestQueue()
            let deliveries = try await channel.consume(queue, prefetch: 10)
            let other = try await connection.openChannel()
            try await other.deleteQueue(queue)
            let error = await failure { for try await _ in deliveries {} }
            #expect(error?.code == .consumerCancelled)
            #expect(channel.isOpen)
        }
    }

    @Test func `a missing queue is a 404 that leaves the connection open`() async throws {
        try await withConnection { connection in
            let channel = try await connection.openChannel()
            let error = await failure { _ = try await channel.consume("missing", prefetch: 1) }
            #expect(error?.replyCode == 404)
            #expect(error?.message.contains("missing") == true)
            #expect(connection.isOpen)
        }
    }

    @Test func `an exclusive consumer keeps others out`() async throws {
        try await withConnection { connection in
            let channel = try await connection.openChannel()
            let queue = try await channel.declareTestQueue()
            let first = try await channel.consume(queue, prefetch: 1, exclusive: true)
            let other = try await connection.openChannel()
            let error = await failure { _ = try await other.consume(queue, prefetch: 1) }
            #expect(error?.replyCode == 403)
            await first.cancel()
        }
    }

    @Test func `a delivery of a closed channel is not settled, and comes again`() async throws {
        try await withConnection { connection in
            let channel = try await connection.openChannel(confirms: true)
            let queue = try await filled(channel, 1)
            let old = try #require(try await channel.get(queue))
            await channel.close()
            let next = try await connection.openChannel()
            #expect(next.number == channel.number)
            let new = try await eventualValue("the message again") { try await next.get(queue) }
            #expect(!old.acknowledge())
            #expect(new.isRedelivered)
            #expect(new.acknowledge())
        }
    }

    @Test func `a body over the limit is marked and can be dead-lettered`() async throws {
        try await withConnection({ $0.maximumBodySize = 100_000 }) { connection in
            let channel = try await connection.openChannel(confirms: true)
            let queue = try await channel.declareTestQueue()
            for size in [300_000, 100_000] {
                try await channel.publish(.test(Array(repeating: 1, count: size), exchange: "", key: queue))
            }
            var iterator = try await channel.consume(queue, prefetch: 10).makeAsyncIterator()
            let big = try #require(try await iterator.next())
            #expect(big.isTruncated)
            #expect(big.bodySize == 300_000)
            #expect(big.body.isEmpty)
            #expect(big.reject())
            let small = try #require(try await iterator.next())
            #expect(!small.isTruncated)
            #expect(small.body.count == 100_000)
        }
    }

    @Test func `consumers on several channels each get their own`() async throws {
        try await withConnection { connection in
            let publisher = try await connection.openChannel(confirms: true)
            try await withThrowingTaskGroup(of: Int.self) { group in
                for _ in 0..<5 {
                    let queue = try await filled(publisher, 100)
                    group.addTask {
                        let channel = try await connection.openChannel()
                        let deliveries = try await channel.consume(queue, prefetch: 10)
                        var count = 0
                        for try await delivery in deliveries {
                            delivery.acknowledge()
                            count += 1
                            if count == 100 { await deliveries.cancel() }
                        }
                        return count
                    }
                }
                for try await count in group { #expect(count == 100) }
            }
        }
    }

    @Test func `waiting for a delivery can be cancelled`() async throws {
        try await withConnection { connection in
            let channel = try await connection.openChannel(confirms: true)
            let queue = try await channel.declareTestQueue()
            let deliveries = try await channel.consume(queue, prefetch: 1)
            let error = await withTaskGroup(of: AMQPError?.self) { group in
                group.addTask { await failure { for try await _ in deliveries {} } }
                group.cancelAll()
                return await group.next() ?? nil
            }
            #expect(error?.code == .cancelled)
            try await channel.publish(.test([9], exchange: "", key: queue))
            var iterator = deliveries.makeAsyncIterator()
            #expect(try await iterator.next()?.body == [9])
        }
    }

    @Test func `calls of cancelled tasks leave no channel and no consumer behind`() async throws {
        for _ in 0..<10 {
            try await withConnection { connection in
                let setup = try await connection.openChannel()
                let queue = try await setup.declareTestQueue()
                await withTaskGroup(of: Void.self) { group in
                    for _ in 0..<50 {
                        group.addTask {
                            _ = await failure {
                                let channel = try await connection.openChannel(confirms: true)
                                _ = try await channel.consume(queue, prefetch: 1)
                            }
                        }
                    }
                    group.cancelAll()
                }
                try await eventually("only the first channel is left") {
                    connection.core.read { $0.channels.filter { $0 != nil }.count } == 1
                }
                let state = try await setup.declareQueue(queue, durable: false, passive: true)
                #expect(state.consumerCount == 0)
            }
        }
    }

    @Test func `a consumer given up before it began ends without its connection`() async throws {
        try await withConnection { connection in
            let channel = try await connection.openChannel()
            let queue = try await channel.declareTestQueue()
            for _ in 0..<200 {
                let consuming = Task { try await channel.consume(queue, prefetch: 1) }
                await Task.yield()
                consuming.cancel()
                if case .success(let deliveries) = await consuming.result { await deliveries.cancel() }
            }
            try await eventually("no consumer is left") {
                try await channel.declareQueue(queue, durable: false, passive: true).consumerCount == 0
            }
            #expect(connection.isOpen)
        }
    }
}
