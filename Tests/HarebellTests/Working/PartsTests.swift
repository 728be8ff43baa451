import HarebellTesting
import Testing

@testable import Harebell

@Suite struct LanesTests {
    @Test func `items of a key leave in the order they came`() {
        let lanes = Box(Lanes<Int>())
        #expect(lanes { $0.enter(1, key: "a") })
        #expect(!lanes { $0.enter(2, key: "a") })
        #expect(!lanes { $0.enter(3, key: "a") })
        #expect(lanes { $0.leave("a") } == 2)
        #expect(!lanes { $0.enter(4, key: "a") })
        #expect(lanes { $0.leave("a") } == 3)
        #expect(lanes { $0.leave("a") } == 4)
        #expect(lanes { $0.leave("a") } == nil)
    }

    @Test func `other keys are not held up`() {
        let lanes = Box(Lanes<Int>())
        #expect(lanes { $0.enter(1, key: "a") })
        #expect(lanes { $0.enter(2, key: "b") })
        #expect(lanes { $0.leave("b") } == nil)
    }

    @Test func `an empty lane is gone`() {
        let lanes = Box(Lanes<Int>())
        for key in 0..<100 { _ = lanes { $0.enter(key, key: "\(key)") } }
        #expect(lanes.value.count == 100)
        for key in 0..<100 { _ = lanes { $0.leave("\(key)") } }
        #expect(lanes.value.count == 0)
        #expect(lanes { $0.enter(1, key: "5") })
    }

    @Test func `leaving a lane that does not exist is harmless`() {
        let lanes = Box(Lanes<Int>())
        #expect(lanes { $0.leave("x") } == nil)
    }
}

@Suite(.timeLimit(.minutes(1))) struct HandlerDeadlinesTests {
    private func watched(_ body: @Sendable (HandlerDeadlines, ManualClock) async throws -> Void) async throws {
        let clock = ManualClock()
        let deadlines = HandlerDeadlines(clock: clock.workerClock)
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { await deadlines.run() }
            try await body(deadlines, clock)
            group.cancelAll()
        }
    }

    @Test func `a deadline fires once, at its time`() async throws {
        try await watched { deadlines, clock in
            let fired = Observed(0)
            let id = deadlines.add(at: .seconds(60)) { fired.update { $0 += 1 } }
            try await clock.waitForAlarms()
            clock.advance(by: .seconds(59))
            #expect(fired.value == 0)
            clock.advance(by: .seconds(1))
            try await fired.wait { $0 == 1 }
            #expect(!deadlines.remove(id))
        }
    }

    @Test func `a deadline that is taken away does not fire`() async throws {
        try await watched { deadlines, clock in
            let fired = Observed<[String]>([])
            let first = deadlines.add(at: .seconds(10)) { fired.update { $0.append("first") } }
            _ = deadlines.add(at: .seconds(20)) { fired.update { $0.append("second") } }
            #expect(deadlines.remove(first))
            try await clock.waitForAlarms()
            clock.advance(by: .seconds(10))
            try await clock.waitForAlarms()
            clock.advance(by: .seconds(10))
            try await fired.wait { $0 == ["second"] }
        }
    }

    @Test func `an earlier deadline that comes later fires first`() async throws {
        try await watched { deadlines, clock in
            let fired = Observed<[String]>([])
            _ = deadlines.add(at: .seconds(60)) { fired.update { $0.append("late") } }
            _ = deadlines.add(at: .seconds(5)) { fired.update { $0.append("early") } }
            try await clock.waitForAlarms(2)
            clock.advance(by: .seconds(5))
            try await fired.wait { $0 == ["early"] }
            clock.advance(by: .seconds(55))
            try await fired.wait { $0 == ["early", "late"] }
        }
    }

    @Test func `a thousand handlers in time need one alarm`() async throws {
        try await watched { deadlines, clock in
            for number in 0..<1_000 {
                #expect(deadlines.remove(deadlines.add(at: .seconds(60 + number)) {}))
            }
            try await clock.waitForAlarms(1)
            await #expect(throws: WaitedTooLong.self) { try await clock.waitForAlarms(2, within: .milliseconds(1)) }
        }
    }
}
