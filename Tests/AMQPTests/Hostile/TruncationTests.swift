import NIOCore
import TestSupport
import Testing

@testable import AMQP

/// A stream that ends after any byte, and one that comes byte by byte.
@Suite(.timeLimit(.minutes(3))) struct `Truncation` {
    typealias Bytes = BrokerBytes

    private static let login: [(Reaction.Step, [UInt8])] = [
        (.greeting, Bytes.start()), (.startOK, Bytes.tune(heartbeat: 0)), (.open, Bytes.openOK),
    ]

    @Test(arguments: login.indices)
    func `a login cut off after any byte is a failed connection, and the next host is used`(part: Int) async throws {
        let (step, bytes) = Self.login[part]
        // The n-th connection to the liar ends after n bytes of this answer.
        try await withLiar(
            Reaction.wellBehaved(until: step) { .sendAndHangUp(Array(bytes.prefix($0.connection))) }
        ) { liar, good, configuration in
            for length in 0..<bytes.count {
                let connection = try await AMQPConnection.connect(configuration, logger: quietLogger)
                #expect(connection.host == good.host, "cut at \(length)")
                await connection.close()
            }
            #expect(liar.connectionCount == bytes.count)
            var alone = configuration
            alone.hosts = [liar.host]
            // The next one is whole, and ends all the same.
            let error = await failure {
                let connection = try await AMQPConnection.connect(alone, logger: quietLogger)
                throw await connection.waitUntilClosed() ?? AMQPError(.closed, "by nobody")
            }
            #expect(error?.code == (step == .open ? .connectionClosed : .connectionFailed))
            #expect(error?.message.contains("hung up") == true)
        }
    }

    @Test func `a delivery cut off after any byte is no delivery, and the loss is named`() async throws {
        let body = Array("body".utf8)
        let size = Bytes.deliver(1, tag: String(repeating: "t", count: 30), 1, body: body).count
        try await withScriptedBroker(reacting: { call in
            guard (call.method.classID, call.method.methodID) == (60, 20) else { return Reaction.wellBehaved(call) }
            let delivery = Bytes.deliver(1, tag: call.consumerTag, 1, body: body)
            return .sendAndHangUp(
                Bytes.method(1, 60, 21, Bytes.short(call.consumerTag)) + delivery.prefix(call.connection))
        }) { broker, configuration in
            // Tags differ in length by a little: a few cuts behind the end are tried as well.
            for cut in 0...size + 20 {
                let connection = try await AMQPConnection.connect(configuration, logger: quietLogger)
                let deliveries = try await connection.openChannel().consume("queue", prefetch: 1)
                let error = await failure {
                    for try await delivery in deliveries { #expect(delivery.body == body && cut > size - 20) }
                }
                #expect(error?.code == .connectionClosed, "cut at \(cut)")
                #expect(error?.message.contains("hung up") == true)
            }
            #expect(broker.connectionCount == size + 21)
        }
    }

    @Test func `login, delivery and confirm byte by byte arrive whole`() async throws {
        let body = (0..<1000).map { UInt8(truncatingIfNeeded: $0) }
        try await withScriptedBroker(reacting: { call in
            if (call.method.classID, call.method.methodID) == (60, 20) {
                return .drip(
                    Bytes.method(1, 60, 21, Bytes.short(call.consumerTag))
                        + Bytes.deliver(1, tag: call.consumerTag, 1, body: body))
            }
            if case .send(let bytes) = Reaction.wellBehaved(call) { return .drip(bytes) }
            return .nothing
        }) { _, configuration in
            let connection = try await AMQPConnection.connect(configuration, logger: quietLogger)
            let channel = try await connection.openChannel(confirms: true)
            var iterator = try await channel.consume("queue", prefetch: 1).makeAsyncIterator()
            #expect(try await iterator.next()?.body == body)
            try await channel.publish(.test())
            await connection.close()
        }
    }

    @Test func `a delivery cut off after any byte stays unknown to the machine, whatever follows`() async throws {
        let delivery = Bytes.deliver(1, tag: "tag", 1, body: [1, 2, 3])
        for cut in 0..<delivery.count {
            var test = MachineUnderTest.open()
            let id = test.openChannel()
            let queue = DeliveryQueue()
            let now = test.now
            test.perform {
                $0.consume(
                    "queue", tag: "tag", prefetch: 10, exclusive: false, arguments: [:], to: queue, on: id, callID: 1,
                    .closure { _ in }, deadline: now + .seconds(30), isCancelled: false)
            }
            test.receive(Bytes.method(1, 60, 11) + Bytes.method(1, 60, 21, Bytes.short("tag")))
            test.receive(Array(delivery.prefix(cut)))
            // A new frame where the rest of the old one was due; at a frame's end it is a method inside a message.
            test.receive(Array(repeating: 0xFF, count: 300_000))
            #expect(test.machine.isOver, "cut at \(cut)")
            let error = await failure { _ = try await queue.next() }
            #expect(error?.code == .protocolViolation, "cut at \(cut)")
        }
    }
}
