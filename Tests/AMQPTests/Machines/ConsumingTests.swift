import NIOCore
import Testing

@testable import AMQP

@Suite struct `Consuming` {
    private func consume(
        _ test: inout MachineUnderTest, on id: ChannelID, tag: String = "tag", callID: UInt64 = WaiterID.next()
    ) -> (DeliveryQueue, Recorder<Result<Reply, AMQPError>>) {
        let queue = DeliveryQueue()
        let reply = Recorder<Result<Reply, AMQPError>>()
        let now = test.now
        test.perform {
            $0.consume(
                "queue", tag: tag, prefetch: 10, exclusive: false, arguments: [:], to: queue, on: id, callID: callID,
                reply.waiter, deadline: now + .seconds(30), isCancelled: false)
        }
        return (queue, reply)
    }

    private let consumeOK = BrokerBytes.method(1, 60, 11) + BrokerBytes.method(1, 60, 21, BrokerBytes.short("tag"))

    @Test func `qos and consume leave together, and deliveries may come with the answer`() async throws {
        var test = MachineUnderTest.open()
        let id = test.openChannel()
        let (queue, reply) = consume(&test, on: id)
        #expect(test.sent().map(\.method) == [[60, 10], [60, 20]])
        test.receive(
            consumeOK + BrokerBytes.deliver(1, tag: "tag", 1, body: [1, 2])
                + BrokerBytes.deliver(1, tag: "tag", 2, body: []))
        #expect(reply.values.count == 1)
        let first = try #require(try await queue.next())
        #expect(first.body == [1, 2])
        #expect(first.info.exchange == "exchange")
        #expect(first.info.routingKey == "key")
        #expect(try await queue.next()?.info.deliveryTag == 2)
    }

    @Test func `deliveries split at every byte arrive whole`() async throws {
        let bytes = consumeOK + BrokerBytes.deliver(1, tag: "tag", 1, body: Array(0..<200))
        for cut in 0...bytes.count {
            var test = MachineUnderTest.open()
            let id = test.openChannel()
            let (queue, _) = consume(&test, on: id)
            test.receive(Array(bytes.prefix(cut)))
            test.receive(Array(bytes.dropFirst(cut)))
            #expect(try await queue.next()?.body == Array(0..<200))
        }
    }

    @Test func `acks leave with the next batch, in one`() {
        var test = MachineUnderTest.open()
        let id = test.openChannel()
        _ = consume(&test, on: id)
        test.receive(consumeOK)
        for tag in 1...4 as ClosedRange<UInt64> { test.receive(BrokerBytes.deliver(1, tag: "tag", tag, body: [0])) }
        _ = test.sent()
        for tag in 1...3 as ClosedRange<UInt64> { #expect(test.perform { $0.settle(tag, .acknowledge, on: id) }) }
        #expect(test.perform { $0.settle(4, .nack(requeue: true), on: id) })
        #expect(!test.perform { $0.settle(3, .acknowledge, on: id) })
        let frames = test.sent()
        #expect(frames.map(\.method) == [[60, 120], [60, 80]])
        #expect(frames[1].payload.suffix(9) == (BrokerBytes.bytes(UInt64(3)) + [1])[...])
    }

    @Test func `acks are said before a call, whose answer may depend on them`() {
        var test = MachineUnderTest.open()
        let id = test.openChannel()
        _ = consume(&test, on: id)
        test.receive(consumeOK + BrokerBytes.deliver(1, tag: "tag", 1, body: [0]))
        _ = test.sent()
        #expect(test.perform { $0.settle(1, .acknowledge, on: id) })
        _ = test.call(.queuePurge("q"), .queuePurgeOK, on: id)
        #expect(test.sent().map(\.method) == [[60, 80], [50, 30]])
    }

    @Test func `acks are said before the channel or the connection is closed`() {
        for isConnection in [true, false] {
            var test = MachineUnderTest.open()
            let id = test.openChannel()
            _ = consume(&test, on: id)
            test.receive(consumeOK + BrokerBytes.deliver(1, tag: "tag", 1, body: [0]))
            _ = test.sent()
            let now = test.now
            test.perform { machine in
                _ = machine.settle(1, .acknowledge, on: id)
                if isConnection {
                    machine.close(.closure { _ in }, deadline: now + .seconds(1))
                } else {
                    machine.closeChannel(id, nil)
                }
            }
            #expect(test.sent().map(\.method) == [[60, 80], isConnection ? [10, 50] : [20, 40]])
        }
    }

    @Test func `our cancel ends the stream after what has arrived`() async throws {
        var test = MachineUnderTest.open()
        let id = test.openChannel()
        let (queue, _) = consume(&test, on: id)
        test.receive(consumeOK)
        let cancelled = test.call(.basicCancel(tag: "tag"), .basicCancelOK, on: id)
        test.receive(
            BrokerBytes.deliver(1, tag: "tag", 1, body: [1]) + BrokerBytes.method(1, 60, 31, BrokerBytes.short("tag")))
        #expect(cancelled.values.count == 1)
        #expect(try await queue.next()?.body == [1])
        #expect(try await queue.next() == nil)
        #expect(test.perform { $0.settle(1, .acknowledge, on: id) })
    }

    @Test func `what the channel answers itself may come before a consume-ok, which the queue gives`() {
        var test = MachineUnderTest.open()
        let id = test.openChannel()
        let (_, first) = consume(&test, on: id, tag: "a")
        let (_, second) = consume(&test, on: id, tag: "b")
        let purged = test.call(.queuePurge("q"), .queuePurgeOK, on: id)
        func tagged(_ method: UInt16, _ tag: String) -> [UInt8] {
            BrokerBytes.method(1, 60, method, BrokerBytes.short(tag))
        }
        test.receive(BrokerBytes.method(1, 60, 11) + BrokerBytes.method(1, 60, 11) + tagged(21, "b"))
        #expect(first.values.isEmpty)
        #expect(second.values.count == 1)
        test.receive(BrokerBytes.method(1, 50, 31, [0, 0, 0, 7]))
        #expect(purged.values.count == 1)
        test.receive(tagged(21, "a"))
        #expect(first.values.count == 1)
        let ends = ["a", "b"].map { test.call(.basicCancel(tag: $0), .basicCancelOK, on: id) }
        test.receive(tagged(31, "b"))
        #expect(ends.map(\.values.count) == [0, 1])
        #expect(test.machine.channels[1]?.consumers.map(\.tag) == ["a"])
        #expect(test.machine.isOpen(id))
    }

    @Test func `answers out of order, or of no call, end the connection`() {
        for wrong in [
            BrokerBytes.method(1, 60, 21, BrokerBytes.short("tag"))
                + BrokerBytes.method(1, 60, 21, BrokerBytes.short("tag")),
            BrokerBytes.method(1, 60, 21, BrokerBytes.short("other")),
            BrokerBytes.method(1, 60, 31, BrokerBytes.short("tag")),
            BrokerBytes.method(1, 50, 31, [0, 0, 0, 7]),
        ] {
            var test = MachineUnderTest.open()
            let id = test.openChannel()
            _ = consume(&test, on: id)
            test.receive(wrong)
            #expect(!test.machine.isOpen(id))
        }
    }

    @Test func `the broker's cancel ends the stream with an error after what has arrived`() async throws {
        var test = MachineUnderTest.open()
        let id = test.openChannel()
        let (queue, _) = consume(&test, on: id)
        test.receive(
            consumeOK + BrokerBytes.deliver(1, tag: "tag", 1, body: [1])
                + BrokerBytes.method(1, 60, 30, BrokerBytes.short("tag") + [1]))
        #expect(try await queue.next()?.body == [1])
        let error = await #expect(throws: AMQPError.self) { try await queue.next() }
        #expect(error?.code == .consumerCancelled)
        #expect(test.machine.isOpen(id))
    }

    @Test func `a closed channel drops what is buffered, for it is delivered again`() async {
        var test = MachineUnderTest.open()
        let id = test.openChannel()
        let (queue, _) = consume(&test, on: id)
        test.receive(consumeOK + BrokerBytes.deliver(1, tag: "tag", 1, body: [1]))
        test.receive(BrokerBytes.close(406, "PRECONDITION_FAILED - unknown delivery tag 9", on: 1))
        let error = await #expect(throws: AMQPError.self) { try await queue.next() }
        #expect(error?.code == .channelClosed)
        #expect(!test.perform { $0.settle(1, .acknowledge, on: id) })
    }

    @Test func `a consumer that nobody waits for any more is cancelled and its deliveries given back`() {
        var test = MachineUnderTest.open()
        let id = test.openChannel()
        let (_, reply) = consume(&test, on: id, callID: 99)
        test.perform { $0.cancelCall(99, on: id.number) }
        #expect(reply.values.first?.failure?.code == .cancelled)
        // RabbitMQ's channel fails, and its connection with it, when a basic.cancel comes before its own consume-ok.
        #expect(test.sent().map(\.method) == [[60, 10], [60, 20]])
        test.receive(consumeOK + BrokerBytes.deliver(1, tag: "tag", 1, body: [1]))
        #expect(test.sent().map(\.method) == [[60, 30], [60, 120]])
        test.receive(BrokerBytes.method(1, 60, 31, BrokerBytes.short("tag")))
        #expect(test.machine.channels[1]?.consumers.isEmpty == true)
    }

    @Test func `what comes before the answer is handed over with it, in order`() async throws {
        var test = MachineUnderTest.open()
        let id = test.openChannel()
        let (queue, reply) = consume(&test, on: id)
        test.receive(BrokerBytes.method(1, 60, 11) + BrokerBytes.deliver(1, tag: "tag", 1, body: [1]))
        test.receive(BrokerBytes.deliver(1, tag: "tag", 2, body: [2]))
        #expect(reply.values.isEmpty)
        test.receive(BrokerBytes.method(1, 60, 21, BrokerBytes.short("tag")))
        test.receive(BrokerBytes.deliver(1, tag: "tag", 3, body: [3]))
        for number in 1...3 as ClosedRange<UInt8> { #expect(try await queue.next()?.body == [number]) }
    }

    @Test func `what comes before an answer that nobody waits for goes back`() {
        var test = MachineUnderTest.open()
        let id = test.openChannel()
        _ = consume(&test, on: id, callID: 99)
        test.receive(BrokerBytes.method(1, 60, 11) + BrokerBytes.deliver(1, tag: "tag", 1, body: [1]))
        test.perform { $0.cancelCall(99, on: id.number) }
        #expect(test.sent().map(\.method) == [[60, 10], [60, 20], [60, 120]])
        test.receive(BrokerBytes.method(1, 60, 21, BrokerBytes.short("tag")))
        #expect(test.sent().map(\.method) == [[60, 30]])
    }

    @Test(arguments: [false, true])
    func `a stream ends when its cancel is not answered in time, also when nobody waits for it any more`(
        isGivenUp: Bool
    ) async throws {
        var test = MachineUnderTest.open()
        let id = test.openChannel()
        let (queue, _) = consume(&test, on: id)
        test.receive(consumeOK + BrokerBytes.deliver(1, tag: "tag", 1, body: [1]))
        let reply = Recorder<Result<Reply, AMQPError>>()
        let now = test.now
        test.perform {
            $0.call(
                .basicCancel(tag: "tag"), answeredBy: .basicCancelOK, on: id, callID: 98, reply.waiter,
                deadline: now + .seconds(3), isCancelled: false)
        }
        if isGivenUp { test.perform { $0.cancelCall(98, on: id.number) } }
        test.advance(.seconds(4))
        #expect(reply.values.map(\.failure?.code) == [isGivenUp ? .cancelled : .timedOut])
        #expect(try await queue.next()?.body == [1])
        try #require(queue.isFinished)
        #expect(try await queue.next() == nil)
        _ = test.sent()
        test.receive(BrokerBytes.deliver(1, tag: "tag", 2, body: [2]))
        #expect(test.sent().map(\.method) == [[60, 120]])
        test.receive(BrokerBytes.method(1, 60, 31, BrokerBytes.short("tag")))
        #expect(test.machine.isOpen(id))
    }

    @Test func `a message got for a cancelled task is given back`() {
        var test = MachineUnderTest.open()
        let id = test.openChannel()
        let got = test.call(.basicGet(queue: "q"), .basicGet, on: id, callID: 98)
        test.perform { $0.cancelCall(98, on: id.number) }
        _ = test.sent()
        test.receive(
            BrokerBytes.method(
                1, 60, 71,
                BrokerBytes.bytes(UInt64(1)) + [0] + BrokerBytes.short("") + BrokerBytes.short("q")
                    + BrokerBytes.bytes(UInt32(0)))
                + BrokerBytes.header(1, size: 1) + BrokerBytes.frame(3, 1, [5]))
        #expect(got.values.map(\.failure?.code) == [.cancelled])
        #expect(test.sent().map(\.method) == [[60, 120]])
    }

    @Test func `a body over the limit is delivered without it, and the next one whole`() async throws {
        var test = MachineUnderTest.open { $0.maximumBodySize = 4 }
        let id = test.openChannel()
        let (queue, _) = consume(&test, on: id)
        test.receive(
            consumeOK + BrokerBytes.deliver(1, tag: "tag", 1, body: [1, 2, 3, 4, 5])
                + BrokerBytes.deliver(1, tag: "tag", 2, body: [1, 2, 3, 4]))
        let big = try #require(try await queue.next())
        #expect(big.isTruncated)
        #expect(big.body.isEmpty)
        #expect(big.bodySize == 5)
        let small = try #require(try await queue.next())
        #expect(!small.isTruncated)
        #expect(small.body == [1, 2, 3, 4])
    }

    @Test func `hostile headers concern their message only`() async throws {
        var test = MachineUnderTest.open()
        let id = test.openChannel()
        let (queue, _) = consume(&test, on: id)
        var inside = BrokerBytes.short("k")
        for level in 0..<18_000 { inside += Array("A".utf8) + BrokerBytes.bytes(UInt32((17_999 - level) * 5)) }
        let properties = BrokerBytes.bytes(UInt16(1 << 13)) + BrokerBytes.bytes(UInt32(inside.count)) + inside
        let deliver = BrokerBytes.method(
            1, 60, 60,
            BrokerBytes.short("tag") + BrokerBytes.bytes(UInt64(1)) + [0] + BrokerBytes.short("")
                + BrokerBytes.short("k"))
        test.receive(
            consumeOK + deliver + BrokerBytes.header(1, size: 0, properties: properties)
                + BrokerBytes.deliver(1, tag: "tag", 2, body: [1]))
        let hostile = try #require(try await queue.next())
        #expect(throws: AMQPError.self) { try BasicProperties(encodedBytes: hostile.properties) }
        let next = try #require(try await queue.next())
        #expect(try BasicProperties(encodedBytes: next.properties) == BasicProperties())
        #expect(!test.machine.isOver)
    }

    @Test func `frames that belong to no message close the connection with 505`() {
        let deliver = BrokerBytes.method(
            1, 60, 60,
            BrokerBytes.short("tag") + BrokerBytes.bytes(UInt64(1)) + [0] + BrokerBytes.short("")
                + BrokerBytes.short("k"))
        for bytes in [
            BrokerBytes.header(1, size: 1), BrokerBytes.frame(3, 1, [1]), deliver + deliver,
            deliver + BrokerBytes.frame(3, 1, [1]), deliver + BrokerBytes.header(1, size: 2) + deliver,
        ] {
            var test = MachineUnderTest.open()
            let id = test.openChannel()
            _ = consume(&test, on: id)
            test.receive(consumeOK)
            _ = test.sent()
            test.receive(bytes)
            #expect(test.machine.isOver)
            #expect(test.sent().last?.payload.prefix(6).suffix(2) == BrokerBytes.bytes(UInt16(505))[...])
        }
    }

    @Test func `a task that waits for a delivery can be cancelled, and another can go on`() async throws {
        let queue = DeliveryQueue()
        await withTaskGroup(of: AMQPError.Code?.self) { group in
            group.addTask {
                do {
                    _ = try await queue.next()
                    return nil
                } catch {
                    return (error as? AMQPError)?.code
                }
            }
            group.cancelAll()
            #expect(await group.next() == .some(.cancelled))
        }
        queue.push([
            ReceivedMessage(
                info: DeliveryInfo(
                    route: DeliveryRoute(consumerTag: "", exchange: "", routingKey: ""), deliveryTag: 1,
                    isRedelivered: false),
                properties: [0, 0], body: [], bodySize: 0)
        ])
        #expect(try await queue.next()?.info.deliveryTag == 1)
    }
}
