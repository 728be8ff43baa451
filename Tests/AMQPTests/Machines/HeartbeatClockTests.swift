import NIOCore
import Testing

@testable import AMQP

@Suite struct `Heartbeat clock` {
    private let start = NIODeadline.uptimeNanoseconds(0)

    @Test func `one is sent after half an interval of silence`() {
        var clock = HeartbeatClock(seconds: 10, now: start)
        #expect(clock.nextCheck == start + .seconds(5))
        #expect(clock.check(at: start + .seconds(4)) == .alive)
        #expect(clock.check(at: start + .seconds(5)) == .sendHeartbeat)
        clock.sent(at: start + .seconds(8))
        #expect(clock.check(at: start + .seconds(10)) == .alive)
        clock.received(at: start + .seconds(10))
        #expect(clock.check(at: start + .seconds(15)) == .sendHeartbeat)
    }

    @Test func `a peer is given up after two silent intervals`() {
        var clock = HeartbeatClock(seconds: 10, now: start)
        for seconds in [5, 10, 15] as [Int64] { #expect(clock.check(at: start + .seconds(seconds)) != .dead) }
        #expect(clock.check(at: start + .seconds(20)) == .dead)
    }

    @Test func `two intervals are counted from the last byte, not from the last check`() {
        var clock = HeartbeatClock(seconds: 10, now: start)
        clock.received(at: start + .seconds(3))
        while clock.nextCheck < start + .seconds(23) { #expect(clock.check(at: clock.nextCheck) != .dead) }
        #expect(clock.nextCheck == start + .seconds(23))
        #expect(clock.check(at: clock.nextCheck) == .dead)
    }

    @Test func `bytes received keep it alive`() {
        var clock = HeartbeatClock(seconds: 2, now: start)
        for second in 1...20 as ClosedRange<Int64> {
            clock.received(at: start + .seconds(second))
            #expect(clock.check(at: start + .seconds(second)) != .dead)
        }
    }

    @Test func `after a stop of the process the peer gets the chance to be heard`() {
        var clock = HeartbeatClock(seconds: 10, now: start)
        #expect(clock.check(at: start + .seconds(120)) == .sendHeartbeat)
        clock.received(at: start + .seconds(121))
        #expect(clock.check(at: start + .seconds(125)) != .dead)
        #expect(clock.check(at: start + .seconds(130)) != .dead)
    }

    @Test func `after a stop a peer that stays silent is given up at the next check`() {
        var clock = HeartbeatClock(seconds: 10, now: start)
        #expect(clock.check(at: start + .seconds(120)) == .sendHeartbeat)
        #expect(clock.check(at: start + .seconds(125)) == .dead)
    }

    @Test(arguments: [(10, 60, 10), (60, 10, 10), (10, 0, 10), (0, 60, 0), (0, 0, 0)])
    func `the interval is the smaller one, and zero is ours to choose`(ours: Int, theirs: UInt16, result: UInt16) {
        #expect(HeartbeatClock.negotiate(ours: .seconds(ours), theirs: theirs) == result)
    }

    @Test func `part of a second is rounded up`() {
        #expect(HeartbeatClock.negotiate(ours: .milliseconds(200), theirs: 60) == 1)
        #expect(HeartbeatClock.negotiate(ours: .seconds(1_000_000), theirs: 0) == .max)
    }
}
