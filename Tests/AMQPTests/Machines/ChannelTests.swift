import NIOCore
import Testing

@testable import AMQP

@Suite struct `Channels` {
    @Test func `calls are answered in order`() {
        var test = MachineUnderTest.open()
        let id = test.openChannel()
        let first = test.call(.queuePurge("a"), .queuePurgeOK, on: id)
        let second = test.call(.exchangeDelete(name: "b", ifUnused: false), .exchangeDeleteOK, on: id)
        #expect(test.sent().map(\.method) == [[50, 30], [40, 20]])
        test.receive(BrokerBytes.method(1, 50, 31, BrokerBytes.bytes(UInt32(5))))
        #expect(first.values.count == 1)
        #expect(second.values.isEmpty)
        test.receive(BrokerBytes.method(1, 40, 21))
        #expect(second.values.count == 1)
    }

    @Test func `an answer to another question closes the connection`() {
        var test = MachineUnderTest.open()
        let id = test.openChannel()
        let call = test.call(.queuePurge("a"), .queuePurgeOK, on: id)
        test.receive(BrokerBytes.method(1, 40, 21))
        #expect(call.values.first?.failure?.code == .protocolViolation)
        #expect(test.sent().last?.method == [10, 50])
        #expect(test.machine.isOver)
    }

    @Test func `a channel error closes its channel and no other`() {
        var test = MachineUnderTest.open()
        let one = test.openChannel()
        let two = test.openChannel(confirms: true)
        let failing = test.call(.queuePurge("missing"), .queuePurgeOK, on: one)
        let waiting = test.call(.queuePurge("next"), .queuePurgeOK, on: one)
        let published = test.publish(.test(), on: two)
        _ = test.sent()
        test.receive(BrokerBytes.close(404, "NOT_FOUND - no queue 'missing'", on: 1))
        for error in [failing.values.first?.failure, waiting.values.first?.failure] {
            #expect(error?.code == .channelClosed)
            #expect(error?.replyCode == 404)
            #expect(error?.message.contains("missing") == true)
        }
        #expect(test.sent().map(\.method) == [[20, 41]])
        test.receive(BrokerBytes.ack(2, 1))
        #expect(published.values.count == 1)
        #expect(published.isConfirmed)
        let later = test.call(.queuePurge("a"), .queuePurgeOK, on: one)
        #expect(later.values.first?.failure?.replyCode == 404)
        #expect(test.sent().isEmpty)
    }

    @Test func `a number is used again, and the old handle does not reach the new channel`() {
        var test = MachineUnderTest.open()
        let old = test.openChannel()
        test.receive(BrokerBytes.close(404, "gone", on: 1))
        let new = test.openChannel()
        #expect(new.number == old.number)
        #expect(new.epoch != old.epoch)
        let call = test.call(.queuePurge("a"), .queuePurgeOK, on: old)
        #expect(call.values.first?.failure?.code == .channelClosed)
        #expect(!test.perform { $0.settle(1, .acknowledge, on: old) })
        #expect(test.sent().isEmpty)
        #expect(test.machine.isOpen(new))
    }

    @Test func `when both close, the number is free after the second answer`() {
        var test = MachineUnderTest.open()
        let id = test.openChannel()
        test.perform { $0.closeChannel(id, nil) }
        #expect(test.sent().map(\.method) == [[20, 40]])
        test.receive(BrokerBytes.close(404, "crossing", on: 1))
        #expect(test.sent().map(\.method) == [[20, 41]])
        #expect(test.openChannel().number == 2)
        test.receive(BrokerBytes.channelCloseOK(1))
        #expect(test.openChannel().number == 1)
    }

    @Test func `closes that cross in the middle of a message end the channel and not the connection`() {
        var test = MachineUnderTest.open()
        let id = test.openChannel()
        test.receive(BrokerBytes.deliverMethod(1, tag: "x", 1))
        test.perform { $0.closeChannel(id, nil) }
        test.receive(BrokerBytes.close(404, "crossing", on: 1))
        test.receive(BrokerBytes.channelCloseOK(1))
        #expect(test.sent().map(\.method) == [[20, 40], [20, 41]])
        #expect(test.openChannel().number == 1)
    }

    @Test func `no channel above the negotiated maximum`() {
        var test = MachineUnderTest.open { $0.channelMax = 2 }
        _ = test.openChannel()
        _ = test.openChannel()
        let reply = Recorder<Result<Reply, AMQPError>>()
        let now = test.now
        let none = test.perform {
            $0.openChannel(confirms: false, id: 1, reply.waiter, deadline: now + .seconds(1), isCancelled: false)
        }
        #expect(none == nil)
        #expect(reply.values.first?.failure?.code == .invalidArgument)
    }

    @Test func `a channel opened for a cancelled task is closed again`() {
        var test = MachineUnderTest.open()
        let reply = Recorder<Result<Reply, AMQPError>>()
        let now = test.now
        test.perform {
            _ = $0.openChannel(confirms: true, id: 77, reply.waiter, deadline: now + .seconds(1), isCancelled: false)
            $0.cancelCall(77, on: nil)
        }
        #expect(reply.values.first?.failure?.code == .cancelled)
        #expect(test.sent().map(\.method) == [[20, 10], [85, 10], [20, 40]])
        test.receive(BrokerBytes.channelOpenOK(1) + BrokerBytes.confirmSelectOK(1) + BrokerBytes.channelCloseOK(1))
        #expect(reply.values.count == 1)
        #expect(test.machine.channels[1] == nil)
        #expect(test.machine.ended.isEmpty)
    }

    @Test func `a call that times out is told once, and its late answer ignored`() {
        var test = MachineUnderTest.open()
        let id = test.openChannel()
        let first = test.call(.queuePurge("a"), .queuePurgeOK, on: id)
        for _ in 0..<16 {
            test.receive(BrokerBytes.frame(8, 0, []))
            test.advance(.seconds(2))
        }
        #expect(first.values.first?.failure?.code == .timedOut)
        let second = test.call(.queuePurge("b"), .queuePurgeOK, on: id)
        test.receive(BrokerBytes.method(1, 50, 31, BrokerBytes.bytes(UInt32(1))))
        #expect(second.values.isEmpty)
        test.receive(BrokerBytes.method(1, 50, 31, BrokerBytes.bytes(UInt32(2))))
        #expect(first.values.count == 1)
        #expect(second.values.count == 1)
    }

    @Test func `the end of the connection tells everyone once`() {
        var test = MachineUnderTest.open()
        let id = test.openChannel(confirms: true)
        let call = test.call(.queuePurge("a"), .queuePurgeOK, on: id)
        let published = test.publish(.test(), on: id)
        let closed = Recorder<AMQPError?>()
        test.perform { $0.waitUntilClosed(1, closed.waiter, isCancelled: false) }
        test.receive(BrokerBytes.close(320, "CONNECTION_FORCED - broker shutdown"))
        test.perform { $0.disconnected(nil) }
        #expect(call.values.map(\.failure?.code) == [.connectionClosed])
        #expect(published.values.map(\.?.replyCode) == [320])
        #expect(closed.values.map(\.?.replyCode) == [320])
        #expect(test.sent().last?.method == [10, 51])
        let late = test.publish(.test(), on: id)
        #expect(late.values.map(\.?.code) == [.connectionClosed])
    }

    @Test func `our close waits for the answer, and for no longer than its deadline`() {
        var test = MachineUnderTest.open()
        let closed = Recorder<AMQPError?>()
        let now = test.now
        test.perform { $0.close(closed.waiter, deadline: now + .seconds(3)) }
        #expect(test.sent().map(\.method) == [[10, 50]])
        #expect(closed.values.isEmpty)
        test.advance(.seconds(3))
        #expect(closed.values.count == 1)
        #expect(test.machine.isOver)
    }

    @Test func `frames on a channel that is not open close the connection`() {
        for bytes in [
            BrokerBytes.ack(5, 1), BrokerBytes.deliver(3, tag: "x", 1, body: [1]), BrokerBytes.header(9, size: 1),
            BrokerBytes.frame(3, 4, [1]),
        ] {
            var test = MachineUnderTest.open()
            test.receive(bytes)
            #expect(test.machine.isOver)
            #expect(test.sent().last?.payload.prefix(6).suffix(2) == BrokerBytes.bytes(UInt16(504))[...])
        }
    }

    @Test func `heartbeats are sent, and a silent broker is given up`() {
        var test = MachineUnderTest.open()
        test.advance(.seconds(5))
        #expect(test.sentBytes() == BrokerBytes.frame(8, 0, []))
        test.advance(.seconds(5))
        test.advance(.seconds(5))
        #expect(!test.machine.isOver)
        test.advance(.seconds(5))
        guard case .over(let error?) = test.machine.phase else { return #expect(Bool(false)) }
        #expect(error.code == .connectionClosed)
        #expect(error.message.contains("heartbeat"))
    }

    @Test func `blocked and unblocked are known`() {
        var test = MachineUnderTest.open()
        test.receive(BrokerBytes.method(0, 10, 60, BrokerBytes.short("low on memory")))
        #expect(test.machine.blockedReason == "low on memory")
        test.receive(BrokerBytes.method(0, 10, 61))
        #expect(test.machine.blockedReason == nil)
    }

    @Test func `a connection that is over is not blocked, and its time does not go on`() {
        var test = MachineUnderTest.open()
        test.receive(BrokerBytes.blocked("low on memory"))
        test.perform { $0.disconnected(nil) }
        #expect(test.machine.blockedReason == nil && test.machine.blockedSince == nil)
    }

    @Test func `the reason of a blocked connection cannot end a line`() {
        var test = MachineUnderTest.open()
        test.receive(BrokerBytes.blocked("low\n\u{1B}[2Jon \u{202E}memory"))
        #expect(test.machine.blockedReason == "low??[2Jon ?memory")
    }

    @Test func `a violation is told to the broker in as many bytes as it takes`() throws {
        var test = MachineUnderTest.open()
        // One letter as Swift counts them, and four times what a short string holds.
        let long = "a" + String(repeating: "\u{301}", count: 500)
        test.perform { $0.violate(AMQPError(.protocolViolation, long, replyCode: 501)) }
        let close = try #require(test.sent().first)
        #expect(close.method == [10, 50])
        #expect(close.payload.count < 4 + 2 + 1 + 255 + 4)
        #expect(close.payload.count > 200)
    }
}
