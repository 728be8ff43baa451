import TestSupport
import Testing

@testable import AMQP

/// What a broker may do without being left: everything goes on.
@Suite(.timeLimit(.minutes(3))) struct `Odd but harmless` {
    typealias Bytes = BrokerBytes

    /// Sent before the answer to a purge, given the consumer's tag, while publish 1 waits for its confirm.
    static let oddities: [(name: String, bytes: @Sendable (String) -> [UInt8])] = [
        ("ten thousand heartbeats", { _ in Array(repeating: Bytes.heartbeat, count: 10_000).flatMap { $0 } }),
        ("the same ack twice", { _ in Bytes.ack(1, 1) + Bytes.ack(1, 1) }),
        ("an ack and then a nack", { _ in Bytes.ack(1, 1) + Bytes.nack(1, 1) }),
        ("a multiple ack of everything", { _ in Bytes.ack(1, 0, multiple: true) }),
        (
            "an ack before the return",
            { _ in
                Bytes.ack(1, 1) + Bytes.returned(1, exchange: "events", key: "", messageID: nil, body: [1, 2, 3])
            }
        ),
        (
            "returns of what was never published",
            { _ in
                Array(repeating: Bytes.returned(1, exchange: "e", key: "k", messageID: "m", body: [9]), count: 100)
                    .flatMap { $0 } + Bytes.ack(1, 1)
            }
        ),
        ("cancelling a consumer that is unknown", { _ in Bytes.method(1, 60, 30, Bytes.short("nobody") + [1]) }),
        (
            "cancelling a consumer twice",
            { tag in
                let cancel = Bytes.method(1, 60, 30, Bytes.short(tag) + [1])
                return cancel + cancel
            }
        ),
        ("a delivery for nobody", { _ in Bytes.deliver(1, tag: "nobody", 1, body: [1]) }),
        ("delivery tags that leave some out", { tag in Bytes.deliver(1, tag: tag, 60_000, body: [1]) }),
        ("blocked twice, unblocked once", { _ in Bytes.blocked("a") + Bytes.blocked("b") + Bytes.unblocked }),
        ("unblocked without blocked", { _ in Bytes.unblocked }),
        ("flow off and on", { _ in Bytes.method(1, 20, 20, [0]) + Bytes.method(1, 20, 20, [1]) }),
        ("a flow that is on already", { _ in Bytes.method(1, 20, 20, [1]) }),
        ("bytes after the arguments", { _ in Bytes.method(1, 60, 80, Bytes.bytes(UInt64(1)) + [0, 1, 2, 3]) }),
        (
            "a name that is not UTF-8",
            { tag in
                Bytes.method(
                    1, 60, 60,
                    Bytes.short(tag) + Bytes.bytes(UInt64(1)) + [0, 2, 0xC3, 0x28] + Bytes.short("key"))
                    + Bytes.header(1, size: 0)
            }
        ),
    ]

    @Test(arguments: oddities.indices) func `the connection goes on`(index: Int) async throws {
        let oddity = Self.oddities[index]
        let tag = Recorder<String>()
        try await withScriptedBroker(reacting: { call in
            switch (call.method.classID, call.method.methodID) {
            case (60, 20): tag.record(call.consumerTag)
            case (60, 40) where call.publishNumber == 1: return .nothing
            case (50, 30): return .send(oddity.bytes(tag.values.last ?? "") + Bytes.method(1, 50, 31, [0, 0, 0, 7]))
            default: break
            }
            return Reaction.wellBehaved(call)
        }) { broker, configuration in
            let connection = try await AMQPConnection.connect(configuration, logger: quietLogger)
            let channel = try await connection.openChannel(confirms: true)
            _ = try await channel.consume("queue", prefetch: 10)
            let outcomes = Recorder<AMQPError?>()
            let waiter = PublishWaiter(id: WaiterID.next(), target: .closure { outcomes.record($0) })
            connection.core.perform {
                $0.publish(.test(), on: channel.id, waiter, deadline: nil, isCancelled: false)
            }
            #expect(try await channel.purgeQueue("queue") == 7, "\(oddity.name)")
            try await channel.publish(.test())
            #expect(outcomes.values.count <= 1)
            #expect(connection.isOpen)
            #expect(!connection.isBlocked)
            await connection.close()
            #expect(outcomes.values.count == 1)
            #expect(
                !broker.calls.values.contains { $0.method.methodID == 50 && $0.replyCode != 200 && $0.channel == 0 })
        }
    }

    @Test func `a delivery for nobody is given back`() async throws {
        try await withScriptedBroker(
            reacting: Reaction.wellBehaved(until: .purge) { _ in
                .send(Bytes.deliver(1, tag: "nobody", 1, body: [1]) + Bytes.method(1, 50, 31, [0, 0, 0, 0]))
            }
        ) { broker, configuration in
            let connection = try await AMQPConnection.connect(configuration, logger: quietLogger)
            let channel = try await connection.openChannel()
            try await channel.purgeQueue("queue")
            try await eventually("it was nacked") {
                broker.calls.values.contains {
                    $0.method.methodID == 120 && $0.arguments == Bytes.bytes(UInt64(1)) + [2]
                }
            }
            await connection.close()
        }
    }

    @Test func `a channel error fails its channel, with the broker's words, and no other`() async throws {
        let text = "NOT_FOUND - " + String(repeating: "x", count: 243)
        try await withScriptedBroker(
            reacting: Reaction.wellBehaved(until: .purge) { call in
                call.channel == 1
                    ? .send(Bytes.deliverMethod(1, tag: "t", 1) + Bytes.close(404, text, on: 1))
                    : Reaction.wellBehaved(call)
            }
        ) { _, configuration in
            let connection = try await AMQPConnection.connect(configuration, logger: quietLogger)
            let bad = try await connection.openChannel(confirms: true)
            let good = try await connection.openChannel()
            let error = await failure { try await bad.purgeQueue("queue") }
            #expect(error?.code == .channelClosed)
            #expect(error?.replyCode == 404)
            #expect(error?.message.contains(text) == true)
            #expect(!bad.isOpen)
            #expect(try await good.purgeQueue("queue") == 0)
            await connection.close()
        }
    }

    @Test func `deliveries of several channels may be interleaved frame by frame`() async throws {
        let bodies: [[UInt8]] = (0..<3).map { channel in
            (0..<30_000).map { UInt8(truncatingIfNeeded: $0 &* (channel + 3)) }
        }
        let tags = Recorder<String>()
        try await withScriptedBroker(reacting: { call in
            guard call.method.methodID == 20, call.method.classID == 60 else { return Reaction.wellBehaved(call) }
            tags.record(call.consumerTag)
            let answer = Bytes.method(call.channel, 60, 21, Bytes.short(call.consumerTag))
            guard tags.values.count == 3 else { return .send(answer) }
            var bytes = answer
            for channel in 1...3 { bytes += Bytes.deliverMethod(UInt16(channel), tag: tags.values[channel - 1], 1) }
            for channel in 1...3 { bytes += Bytes.header(UInt16(channel), size: 30_000) }
            for start in stride(from: 0, to: 30_000, by: 1000) {
                for channel in 1...3 {
                    bytes += Bytes.frame(3, UInt16(channel), Array(bodies[channel - 1][start..<start + 1000]))
                }
            }
            return .send(bytes)
        }) { _, configuration in
            let connection = try await AMQPConnection.connect(configuration, logger: quietLogger)
            var streams: [Deliveries] = []
            for _ in 0..<3 { streams.append(try await connection.openChannel().consume("queue", prefetch: 1)) }
            for (stream, body) in zip(streams, bodies) {
                var iterator = stream.makeAsyncIterator()
                #expect(try await iterator.next()?.body == body)
            }
            await connection.close()
        }
    }

    @Test func `flow off holds publishes back until it is on again`() async throws {
        try await withScriptedBroker(reacting: Reaction.wellBehaved) { broker, configuration in
            let connection = try await AMQPConnection.connect(configuration, logger: quietLogger)
            let channel = try await connection.openChannel(confirms: true)
            try await channel.publish(.test())
            broker.send(Bytes.method(1, 20, 20, [0]))
            try await eventually("flow-ok was said") {
                broker.received.values.contains(.init(channel: 1, classID: 20, methodID: 21))
            }
            async let published = failure { try await channel.publish(.test()) }
            try await eventually("it waits") { connection.core.read { $0.gated.count } == 1 }
            #expect(broker.received.values.count { $0.methodID == 40 && $0.classID == 60 } == 1)
            broker.send(Bytes.method(1, 20, 20, [1]))
            #expect(await published == nil)
            await connection.close()
        }
    }
}
