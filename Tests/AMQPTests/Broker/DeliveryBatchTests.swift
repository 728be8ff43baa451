import TestSupport
import Testing

@testable import AMQP

@Suite(.timeLimit(.minutes(3))) struct `Deliveries in batches` {
    @Test func `all come, in order, none larger than asked for, and are acknowledged at once`() async throws {
        try await withConnection { connection in
            let publishing = try await connection.openChannel(confirms: true)
            let queue = try await publishing.declareTestQueue()
            for result in await publishing.publish((0..<500).map { .test([UInt8($0 % 250)], exchange: "", key: queue) })
            {
                try result.get()
            }
            let channel = try await connection.openChannel()
            var bodies: [[UInt8]] = []
            for try await batch in try await channel.consume(queue, prefetch: 100).batches(upTo: 30) {
                #expect((1...30).contains(batch.count))
                bodies += batch.map(\.body)
                #expect(batch.acknowledge() == batch.count)
                #expect(batch.acknowledge() == 0, "settled before")
                if bodies.count == 500 { break }
            }
            #expect(bodies == (0..<500).map { [UInt8($0 % 250)] })
            await channel.close()
            #expect(try await publishing.declareQueue(queue, durable: false, passive: true).messageCount == 0)
        }
    }

    @Test func `one of them can be refused before the others are acknowledged`() async throws {
        try await withConnection { connection in
            let channel = try await connection.openChannel(confirms: true)
            let queue = try await channel.declareTestQueue()
            for result in await channel.publish((0..<10).map { .test([UInt8($0)], exchange: "", key: queue) }) {
                try result.get()
            }
            var taken = 0
            var again: [[UInt8]] = []
            loop: for try await batch in try await channel.consume(queue, prefetch: 100).batches() {
                for delivery in batch {
                    if delivery.isRedelivered { again.append(delivery.body) }
                    if delivery.body == [4], !delivery.isRedelivered { #expect(delivery.nack(requeue: true)) }
                }
                taken += batch.acknowledge()
                if taken == 10 { break loop }
            }
            #expect(again == [[4]])
        }
    }

    @Test func `a batch of a channel that is gone is not settled`() async throws {
        try await withConnection { connection in
            let channel = try await connection.openChannel(confirms: true)
            let queue = try await channel.declareTestQueue()
            try await channel.publish(.test(exchange: "", key: queue))
            let consuming = try await connection.openChannel()
            var iterator = try await consuming.consume(queue, prefetch: 10).batches().makeAsyncIterator()
            let batch = try #require(try await iterator.next())
            await consuming.close()
            #expect(batch.acknowledge() == 0)
            let end = await failure { while try await iterator.next() != nil {} }
            #expect(end?.code == .closed)
            #expect(try await channel.get(queue)?.isRedelivered == true)
        }
    }

    @Test func `of a client they go on over a lost connection, and end when cancelled`() async throws {
        try await withVirtualHost { url in
            try await withClient(try AMQPConfiguration(uri: url)) { client in
                try await client.withChannel { try await $0.declareQueue("email") }
                func publish(_ numbers: Range<UInt8>) async throws {
                    for number in numbers { try await client.publish(.test([number], exchange: "", key: "email")) }
                }
                try await publish(0..<10)
                let deliveries = client.consume("email", prefetch: 100)
                var iterator = deliveries.batches(upTo: 4).makeAsyncIterator()
                var handled: Set<UInt8> = []
                let stale = try #require(try await iterator.next())
                #expect((1...4).contains(stale.count))
                try await client.withConnection { await $0.close() }
                try await publish(10..<20)
                while handled.count < 20, let batch = try await iterator.next() {
                    #expect(batch.acknowledge() == batch.count)
                    handled.formUnion(batch.compactMap(\.body.first))
                }
                #expect(handled == Set(0..<20))
                #expect(stale.acknowledge() == 0)
                await deliveries.cancel()
                #expect(try await iterator.next()?.count == nil)
            }
        }
    }
}
