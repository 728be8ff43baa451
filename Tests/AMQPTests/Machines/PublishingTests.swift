import NIOCore
import Testing

@testable import AMQP

@Suite struct `Publishing` {
    @Test func `a message that cannot be encoded fails alone, before and after others`() {
        var test = MachineUnderTest.open()
        let id = test.openChannel(confirms: true)
        let before = test.publish(.test([1]), on: id)
        var broken = OutgoingMessage.test()
        broken.properties.headers = ["k": .string(String(repeating: "x", count: 200_000))]
        let failed = test.publish(broken, on: id)
        let after = test.publish(.test([2]), on: id)
        #expect(failed.values.map(\.?.code) == [.invalidArgument])
        let frames = test.sent()
        #expect(frames.map(\.kind) == [1, 2, 3, 1, 2, 3])
        test.receive(BrokerBytes.ack(1, 2, multiple: true))
        #expect(before.isConfirmed)
        #expect(after.isConfirmed)
    }

    @Test func `returns find their publish by message id, whatever the order of confirms`() {
        var test = MachineUnderTest.open()
        let id = test.openChannel(confirms: true)
        let outcomes = (1...4).map { test.publish(.test([0], id: "m\($0)"), on: id) }
        _ = test.sent()
        test.receive(BrokerBytes.returned(1, exchange: "events", key: "", messageID: "m3", body: [0]))
        test.receive(BrokerBytes.ack(1, 3))
        test.receive(BrokerBytes.returned(1, exchange: "events", key: "", messageID: "m1", body: [0]))
        test.receive(BrokerBytes.ack(1, 4, multiple: true))
        #expect(outcomes.map { $0.values.count } == [1, 1, 1, 1])
        #expect(outcomes.map { $0.values.first??.code } == [.returned, nil, .returned, nil])
        #expect(outcomes[0].values.first??.replyCode == 312)
    }

    @Test func `returns without an id find their publish by content`() {
        var test = MachineUnderTest.open()
        let id = test.openChannel(confirms: true)
        let outcomes = (1...3).map { test.publish(.test([UInt8($0)]), on: id) }
        _ = test.sent()
        test.receive(BrokerBytes.returned(1, exchange: "events", key: "", messageID: nil, body: [2]))
        test.receive(BrokerBytes.ack(1, 3, multiple: true))
        #expect(outcomes.map { $0.values.first??.code } == [nil, .returned, nil])
    }

    @Test func `confirms of what was never published close the connection`() {
        var test = MachineUnderTest.open()
        let id = test.openChannel(confirms: true)
        let outcome = test.publish(.test(), on: id)
        test.receive(BrokerBytes.ack(1, 2))
        #expect(outcome.values.map(\.?.code) == [.protocolViolation])
    }

    @Test func `a blocked connection holds publishes back, in order`() {
        var test = MachineUnderTest.open()
        let id = test.openChannel(confirms: true)
        test.receive(BrokerBytes.method(0, 10, 60, BrokerBytes.short("low on disk")))
        let outcomes = (1...3).map { test.publish(.test([UInt8($0)]), on: id) }
        #expect(test.sent().isEmpty)
        test.receive(BrokerBytes.method(0, 10, 61))
        #expect(test.sent().filter { $0.kind == 3 }.map(\.payload) == [[1], [2], [3]])
        test.receive(BrokerBytes.ack(1, 3, multiple: true))
        #expect(outcomes.allSatisfy { $0.values.count == 1 })
    }

    @Test func `publishes that wait can be cancelled and time out, and are not sent then`() {
        var test = MachineUnderTest.open()
        let id = test.openChannel(confirms: true)
        test.receive(BrokerBytes.method(0, 10, 60, BrokerBytes.short("low on disk")))
        let cancelled = test.publish(.test([1]), on: id, waiterID: 501)
        let late = test.publish(.test([2]), on: id, deadline: test.now + .seconds(1))
        let patient = test.publish(.test([3]), on: id)
        test.perform { $0.cancelPublishes([501], on: id) }
        #expect(cancelled.values.map(\.?.code) == [.cancelled])
        test.advance(.seconds(1))
        #expect(late.values.map(\.?.code) == [.timedOut])
        #expect(patient.values.isEmpty)
        test.receive(BrokerBytes.method(0, 10, 61))
        #expect(test.sent().filter { $0.kind == 3 }.map(\.payload) == [[3]])
    }

    @Test func `deadlines that pass one after the other are looked for a hundred times a second at most`() throws {
        var test = MachineUnderTest.open()
        let id = test.openChannel(confirms: true)
        let start = test.now
        let outcomes = (0..<2_000).map { number in
            test.publish(.test(), on: id, deadline: start + .seconds(1) + .microseconds(Int64(number) * 10))
        }
        _ = test.sent()
        var looks = 0
        while outcomes.contains(where: { $0.values.isEmpty }) {
            let deadline = test.machine.nextDeadline()
            let next = try #require(deadline)
            test.advance(next - test.now)
            looks += 1
            try #require(looks < 5_000, "what is late is never told")
        }
        #expect(looks <= 3)
        #expect(outcomes.allSatisfy { $0.values.map { $0?.code } == [.timedOut] })
        // 20 ms from the first to the last, and late by one look.
        #expect(test.now <= start + .milliseconds(1_030))
    }

    @Test func `a publish whose deadline passes is told once and its late confirm ignored`() {
        var test = MachineUnderTest.open()
        let id = test.openChannel(confirms: true)
        let late = test.publish(.test(), on: id, deadline: test.now + .seconds(1))
        let other = test.publish(.test(), on: id, deadline: test.now + .seconds(5))
        test.advance(.seconds(1))
        #expect(late.values.map(\.?.code) == [.timedOut])
        test.receive(BrokerBytes.ack(1, 2, multiple: true))
        #expect(late.values.count == 1)
        #expect(other.isConfirmed)
    }

    @Test func `publishers wait above the high water mark until the network has taken enough`() {
        var test = MachineUnderTest.open()
        let id = test.openChannel(confirms: false)
        let body = [UInt8](repeating: 7, count: 1 << 20)
        let outcomes = (0..<12).map { _ in test.publish(.test(body), on: id) }
        #expect(outcomes.filter { !$0.values.isEmpty }.count == 8)
        let first = test.sentBytes(isHeld: true)
        #expect(first.count > ConnectionMachine.highWater)
        let now = test.now
        test.perform { $0.written(1 << 20, now: now) }
        #expect(outcomes.filter { !$0.values.isEmpty }.count == 8)
        test.perform { $0.written(first.count - (1 << 20), now: now) }
        #expect(outcomes.filter { !$0.values.isEmpty }.count == 12)
    }

    @Test func `only the first of many publishes wakes the event loop`() {
        var test = MachineUnderTest.open()
        let id = test.openChannel(confirms: true)
        _ = test.publish(.test(), on: id)
        #expect(takesWake(&test))
        for _ in 0..<100 {
            _ = test.publish(.test(), on: id)
            #expect(!takesWake(&test))
        }
        #expect(test.sent().count == 303)
        #expect(!takesWake(&test))
        _ = test.publish(.test(), on: id)
        #expect(takesWake(&test))
    }

    private func takesWake(_ test: inout MachineUnderTest) -> Bool {
        test.machine.takeWake()
    }
}
