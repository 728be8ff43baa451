import NIOCore
import Testing

@testable import AMQP

/// What the fuzzer, or the look at the code that its invariants led to, has found.
@Suite struct `What the fuzzer found` {
    typealias Bytes = BrokerBytes

    @Test(arguments: 1...7) func `a broker of another version is understood in whatever pieces it answers`(size: Int) {
        var test = MachineUnderTest()
        var rest = (Array("AMQP".utf8) + [3, 1, 0, 0])[...]
        while !rest.isEmpty {
            test.receive(Array(rest.prefix(size)))
            rest = rest.dropFirst(size)
        }
        let error = test.opened.values.first?.failure
        #expect(error?.code == .protocolViolation)
        #expect(error?.message == "the broker speaks AMQP 1.0.0, not 0-9-1")
    }

    @Test func `an answer that only begins like a protocol header is refused as a frame`() {
        var test = MachineUnderTest()
        test.receive(Array("AM".utf8))
        #expect(test.opened.values.isEmpty)
        test.receive(Array("X".utf8))
        #expect(test.opened.values.first?.failure?.message.contains("unknown kind") == true)
    }

    @Test(
        arguments: [(10, 11), (40, 10), (40, 30), (40, 40), (50, 10), (50, 20), (50, 50), (60, 20)]
            as [(UInt16, UInt16)])
    func `the table of a method that only clients send is refused before the library follows it`(
        classID: UInt16, methodID: UInt16
    ) {
        var test = MachineUnderTest.open()
        let id = test.openChannel()
        let call = test.call(.queuePurge("q"), .queuePurgeOK, on: id)
        test.receive(Bytes.method(id.number, classID, methodID, [0xFF, 0xFF]))
        let error = call.values.first?.failure
        #expect(error?.code == .protocolViolation)
        #expect(error?.message.hasSuffix("which only clients send") == true)
        #expect(error?.replyCode == 503)
    }

    /// Each consume that is given up put a cancel into the line that was being looked through.
    @Test(arguments: [1, 3, 4, 40]) func `consumes whose deadlines pass together are all told, and cancelled`(
        count: Int
    ) throws {
        var test = MachineUnderTest.open()
        let id = test.openChannel()
        let deadline = test.now + .seconds(1)
        let replies = (0..<count).map { index in
            let reply = Recorder<Result<Reply, AMQPError>>()
            test.perform {
                $0.consume(
                    "queue", tag: "tag-\(index)", prefetch: 1, exclusive: false, arguments: [:],
                    to: DeliveryQueue(), on: id, callID: WaiterID.next(), reply.waiter, deadline: deadline,
                    isCancelled: false)
            }
            return reply
        }
        _ = test.sent()
        test.advance(.seconds(2))
        #expect(replies.allSatisfy { $0.values.count == 1 && $0.values.first?.failure?.code == .timedOut })
        for index in 0..<count {
            test.receive(
                BrokerBytes.method(1, 60, 11) + BrokerBytes.method(1, 60, 21, BrokerBytes.short("tag-\(index)")))
        }
        #expect(test.sent().count { $0.method == [60, 30] } == count)
        #expect(!test.machine.isOver)
    }

    @Test func `after our goodbye nothing is sent but the answer to the broker's`() {
        var test = MachineUnderTest.open()
        let id = test.openChannel()
        let deadline = test.now + .seconds(5)
        test.perform { $0.close(.closure { _ in }, deadline: deadline) }
        #expect(test.sent().map(\.method) == [[10, 50]])
        test.receive(Bytes.method(id.number, 20, 20, [0]))
        test.receive(Bytes.close(404, "NOT_FOUND", on: id.number))
        #expect(test.sent().isEmpty)
        var violated = test
        violated.receive(Bytes.frame(9, 0, []))
        #expect(violated.sent().isEmpty)
        test.receive(Bytes.close(320, "CONNECTION_FORCED"))
        #expect(test.sent().map(\.method) == [[10, 51]])
    }

    @Test func `a channel that is being closed answers no flow, and stops nobody`() {
        var test = MachineUnderTest.open()
        let id = test.openChannel()
        let other = test.openChannel()
        test.perform { $0.closeChannel(id, nil) }
        #expect(test.sent().map(\.method) == [[20, 40]])
        test.receive(Bytes.method(id.number, 20, 20, [0]))
        #expect(test.sent().isEmpty)
        _ = test.publish(.test(), on: other)
        #expect(test.sent().first?.method == [60, 40])
    }
}
