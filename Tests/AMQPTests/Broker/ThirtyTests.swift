import HarebellDevelopment
import NIOCore
import TestSupport
import Testing

@testable import AMQP

// The thirty tests that a client of AMQP 0-9-1 has to pass, and where each is. Machine: without I/O, in microseconds.
//
//  1  dead peer while publishing          `Slow peers`: a peer that is dead while we publish …
//  2  heartbeats, never reads             `Slow peers`: a peer that heartbeats and never reads …
//  3  blocked with the socket full        `Slow peers`: blocked with the socket full …; `Memory alarm` on a real broker
//  4  one byte at a time                  `Truncation`: login, delivery and confirm byte by byte; Machine: `Login`, `Consuming`
//  5  a delivery cut off anywhere         `Truncation`: a delivery cut off after any byte …
//  6  frames of length 0, 3, 11, 13       `Lies after the login`: PeerLie.lengths; Machine: `Framing`
//  7  lengths of 4 GiB, of one too many   `Lies after the login`: PeerLie.lengths; Machine: `Framing`
//  8  kinds and channels that are none    `Lies after the login`: PeerLie.frames
//  9  wrong end byte                      `Lies after the login`, `Handshake lies`; Machine: `Framing`
// 10  bodies longer, shorter, 2^63        `Lies after the login`: PeerLie.contents; Machine: `Content assembly`
// 11  headers nested 18 000 deep          `Hostile deliveries`; Machine: `Hostile properties`; real broker:
//                                         HarebellRabbitMQTests/HostileMessageTests
// 12  kinds, empty keys, x-death          `Field tables`, `Hostile deliveries`; `Consuming from a broker`: nack without requeue …
// 13  headers over the frame size         `Publishing to a broker`: a message with too large headers …
// 14  names of 255 and 256 bytes          Machine: `Framing`, `Field tables`. Keys end at 128 bytes, the specification's
//                                         limit, not at 255 (DESIGN §5: what brokers may refuse is refused here)
// 15  bodies of every size, interleaved   `Publishing to a broker`: bodies of every critical size; here: a very large message …
// 16  10 000 confirms, nacks between      `Publishing to a broker`; Machine: `Confirm tracker`; `Every publish is told once`
// 17  returns matched before confirms     `Publishing to a broker`: acks, a return and a reject-publish …
// 18  missing exchange                    `Publishing to a broker`, `Client`: a missing exchange fails its messages only
// 19  double ack                          Machine: `Settlement window`: a delivery is settled once (it is never sent twice);
//                                         a 406 of the broker is told: `Consuming`: a closed channel drops what is buffered
// 20  ack after recovery                  `Consuming from a broker`: a delivery of a closed channel …; here: after a lost connection …
// 21  coalesced acks                      Machine: `Settlement window`: in any order …; here: what was not acknowledged …
// 22  two channels, calls and deliveries  here: calls on one channel lose no delivery of another
// 23  deleted queue, server-named queue   `Consuming from a broker`: a deleted queue …; here: a queue named by the broker …
// 24  delivery before consume-ok          here: a delivery may come before the answer to its consume; Machine: `Consuming`
// 25  1000 pipelined calls                here: of a thousand calls …
// 26  cancellation                        CancellationTests
// 27  heartbeats                          here: an idle connection …; stopped processes: Machine: `Heartbeat clock`
// 28  restart under load                  `Recovery on a broker`; clusters: ClusterTests; refused logins: `Client`, `Handshake lies`
// 29  TLS                                 TLSTests
// 30  soak, budgets, sanitizers           SoakTests and AMQPStress
@Suite(.timeLimit(.minutes(3))) struct ThirtyTests {
    /// A body of so many bytes, by doubling: byte by byte takes a minute without optimization.
    private static func body(_ count: Int) -> [UInt8] {
        var body = Array(0..<251 as Range<UInt8>)
        while body.count < count { body += body }
        return Array(body.prefix(count))
    }

    @Test func `a very large message beside small ones arrives whole, and the small ones are not starved`() async throws
    {
        try await withConnection({ $0.maximumBodySize = 64 << 20 }) { connection in
            let setup = try await connection.openChannel()
            let queue = try await setup.declareTestQueue()
            let small = try await setup.declareTestQueue()
            // From 4.0 on, RabbitMQ takes no message above 16 MiB unless it is told to.
            let big = Self.body(connection.brokerVersion?.hasPrefix("3.") == true ? 50_000_000 : 16_000_000)
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask {
                    let channel = try await connection.openChannel(confirms: true)
                    try await channel.publish(.test(big, exchange: "", key: queue))
                }
                for _ in 0..<2 {
                    group.addTask {
                        let channel = try await connection.openChannel(confirms: true)
                        for index in 0..<50 {
                            try await channel.publish(
                                .test([UInt8(index)], exchange: "", key: small), deadline: .seconds(20))
                        }
                    }
                }
                try await group.waitForAll()
            }
            #expect(try await setup.purgeQueue(small) == 100)
            // Compared as a whole: an expectation would print it.
            let isWhole = try await setup.get(queue)?.body == big
            #expect(isWhole)
        }
    }

    @Test func `after a lost connection what was delivered before is not settled on the next`() async throws {
        try await withVirtualHost { host, url in
            try await withClient(AMQPConfiguration(uri: url)) { client in
                let queue = uniqueName("queue")
                try await client.withChannel { try await $0.declareQueue(queue) }
                try await client.publish(.test(exchange: "", key: queue))
                var iterator = client.consume(queue, prefetch: 1).makeAsyncIterator()
                let old = try #require(try await iterator.next())
                try await loseConnections(host)
                let new = try #require(try await iterator.next())
                #expect(new.isRedelivered)
                #expect(!old.acknowledge())
                #expect(!old.isCurrent)
                #expect(new.acknowledge())
            }
        }
    }

    private func loseConnections(_ host: TestVirtualHost) async throws {
        try await eventually("the connections are closed by the broker", within: .seconds(30)) {
            // The management API counts connections with a delay and may drop a request; the next poll repeats it.
            (try? await host.broker.closeConnections { $0.virtualHost == host.name }) ?? 0 > 0
        }
    }

    @Test func `what was not acknowledged when the connection is lost comes again, and nothing else`() async throws {
        try await withVirtualHost { host, url in
            let queue = uniqueName("queue")
            let connection = try await AMQPConnection.connect(AMQPConfiguration(uri: url), logger: quietLogger)
            let channel = try await connection.openChannel(confirms: true)
            try await channel.declareQueue(queue)
            _ = await channel.publish((0..<300).map { .test(exchange: "", key: queue, id: "\($0)") })
            var iterator = try await channel.consume(queue, prefetch: 300).makeAsyncIterator()
            var open: [Delivery] = []
            for _ in 0..<300 { open.append(try #require(try await iterator.next())) }
            var generator = SplitMix(state: 11)
            open.shuffle(using: &generator)
            for delivery in open.prefix(170) { #expect(delivery.acknowledge()) }
            // Answered after the acks: the broker has them.
            try await channel.declareQueue(queue, passive: true)
            try await loseConnections(host)
            _ = await connection.waitUntilClosed()
            let expected = try open.dropFirst(170).map { try $0.properties().messageID }
            let again = try await AMQPConnection.connect(AMQPConfiguration(uri: url), logger: quietLogger)
            let reading = try await again.openChannel()
            var ids: [String?] = []
            try await eventually("all are back") {
                while let delivery = try await reading.get(queue) { ids.append(try delivery.properties().messageID) }
                return ids.count >= expected.count
            }
            #expect(Set(ids) == Set(expected))
            #expect(ids.count == 130)
            await again.close()
        }
    }

    @Test func `calls on one channel lose no delivery of another`() async throws {
        try await withConnection { connection in
            let consuming = try await connection.openChannel(confirms: true)
            let queue = try await consuming.declareTestQueue()
            _ = await consuming.publish((0..<1000).map { .test([UInt8($0 % 256)], exchange: "", key: queue) })
            let deliveries = try await consuming.consume(queue, prefetch: 1000)
            let calling = try await connection.openChannel()
            for _ in 0..<200 { try await calling.declareQueue(queue, durable: false, passive: true) }
            var tags: [UInt64] = []
            for try await delivery in deliveries {
                tags.append(delivery.deliveryTag)
                delivery.acknowledge()
                if tags.count == 1000 { break }
            }
            #expect(tags == Array(1...1000))
        }
    }

    @Test func `a queue named by the broker is known by that name`() async throws {
        try await withConnection { connection in
            let channel = try await connection.openChannel(confirms: true)
            let state = try await channel.declareQueue("", durable: false, exclusive: true)
            #expect(state.name.hasPrefix("amq.gen-"))
            var iterator = try await channel.consume(state.name, prefetch: 1).makeAsyncIterator()
            try await channel.publish(.test([5], exchange: "", key: state.name))
            #expect(try await iterator.next()?.body == [5])
        }
    }

    @Test func `a delivery may come before the answer to its consume`() async throws {
        try await withScriptedBroker(reacting: { call in
            guard (call.method.classID, call.method.methodID) == (60, 20) else { return Reaction.wellBehaved(call) }
            return .send(
                BrokerBytes.deliver(1, tag: call.consumerTag, 1, body: [6])
                    + BrokerBytes.method(1, 60, 21, BrokerBytes.short(call.consumerTag)))
        }) { _, configuration in
            let connection = try await AMQPConnection.connect(configuration, logger: quietLogger)
            var iterator = try await connection.openChannel().consume("queue", prefetch: 1).makeAsyncIterator()
            #expect(try await iterator.next()?.body == [6])
            await connection.close()
        }
    }

    @Test func `of a thousand calls at once those before the failing one succeed and those after it fail with it`()
        async throws
    {
        try await withConnection { connection in
            let channel = try await connection.openChannel()
            let queue = try await channel.declareTestQueue()
            let replies = (0..<1000).map { _ in Recorder<Result<Reply, AMQPError>>() }
            connection.core.perform { machine in
                for (index, reply) in replies.enumerated() {
                    machine.call(
                        .queuePurge(index == 500 ? "no-such-queue" : queue), answeredBy: .queuePurgeOK, on: channel.id,
                        callID: WaiterID.next(), reply.waiter, deadline: .now() + .seconds(30), isCancelled: false)
                }
            }
            try await eventually("all are answered") { replies.allSatisfy { $0.values.count == 1 } }
            #expect(replies[..<500].allSatisfy { $0.values.first?.failure == nil })
            #expect(replies[500...].allSatisfy { $0.values.first?.failure?.replyCode == 404 })
            #expect(replies[500].values.first?.failure?.message.contains("no-such-queue") == true)
            #expect(connection.isOpen)
        }
    }

    @Test func `an idle connection and a consumer that thinks for five heartbeats stay up`() async throws {
        try await withConnection({ $0.heartbeat = .seconds(1) }) { connection in
            let channel = try await connection.openChannel(confirms: true)
            let queue = try await channel.declareTestQueue()
            try await channel.publish(.test(exchange: "", key: queue))
            var iterator = try await channel.consume(queue, prefetch: 1).makeAsyncIterator()
            let delivery = try #require(try await iterator.next())
            let end = ContinuousClock.now + .seconds(5)
            try await eventually("five heartbeats have passed") { ContinuousClock.now > end }
            #expect(connection.isOpen)
            #expect(delivery.acknowledge())
            #expect(try await channel.declareQueue(queue, durable: false, passive: true).messageCount == 0)
        }
    }
}
