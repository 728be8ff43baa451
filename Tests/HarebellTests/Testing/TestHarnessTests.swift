import Harebell
import HarebellTesting
import Testing

@Suite(.timeLimit(.minutes(1))) struct TestHarnessTests {
    private struct Outage: Sendable {
        let isOver = Observed(false)
        let calls = Observed<[Int]>([])

        func call(_ attempt: Int) throws {
            calls.update { $0.append(attempt) }
            if !isOver.value { throw TransientError("mail server refused") }
        }
    }

    @Test func `what is published is handled, and what handlers publish reaches the next service`() async throws {
        let harness = TestHarness()
        harness.service("opening") {
            Subscription(to: LoanOpened.self) { loan, context in
                try context.publish(LoanClosed(loanID: loan.loanID))
            }
        }
        harness.service("closing") { Subscription(to: LoanClosed.self) { _, _ in } }
        try await harness.running {
            for number in 1...3 { try await harness.publish(LoanOpened(loanID: "L\(number)")) }
            try await harness.publish(Ping(number: 1))
            try await harness.settle()
            #expect(try Set(harness.handled(LoanOpened.self, by: "opening").map(\.loanID)) == ["L1", "L2", "L3"])
            #expect(try Set(harness.handled(LoanClosed.self, by: "closing").map(\.loanID)) == ["L1", "L2", "L3"])
            #expect(try harness.published(LoanClosed.self).count == 3)
            #expect(try harness.handled(LoanClosed.self, by: "opening").isEmpty)
            #expect(try harness.unrouted(Ping.self) == [Ping(number: 1)])
        }
    }

    @Test func `a retry happens at its time and not before`() async throws {
        let outage = Outage()
        let harness = TestHarness()
        harness.service("email") { Subscription(to: Ping.self) { _, context in try outage.call(context.attempt) } }
        try await harness.running {
            try await harness.publish(Ping(number: 1))
            try await harness.settle()
            #expect(outage.calls.value == [1, 2, 3, 4])
            #expect(harness.retried(by: "email").map(\.delay) == [.seconds(1)])
            #expect(harness.retried(by: "email").map(\.failure.errorMessage) == ["mail server refused"])
            try await harness.advance(by: .milliseconds(999))
            #expect(outage.calls.value == [1, 2, 3, 4])
            #expect(harness.waitingForRetry(of: "email") == 1)
            // Past three of them: each is tried at its own time.
            try await harness.advance(by: .seconds(40))
            #expect(outage.calls.value == [1, 2, 3, 4, 5, 6, 7])
            #expect(harness.retried(by: "email").map(\.delay) == [1, 5, 30, 120].map { .seconds($0) })
            outage.isOver.update { $0 = true }
            try await harness.settleRetries()
            #expect(outage.calls.value == [1, 2, 3, 4, 5, 6, 7, 8])
            #expect(try harness.handled(Ping.self, by: "email").count == 1)
            #expect(harness.deadLetters(of: "email").isEmpty)
        }
    }

    @Test func `dead letters have reasons, and a replay starts over`() async throws {
        let outage = Outage()
        let harness = TestHarness()
        harness.service("email") { Subscription(to: Ping.self) { _, context in try outage.call(context.attempt) } }
        try await harness.running {
            let id = try await harness.publish(Ping(number: 1))
            try await harness.settleRetries()
            let letters = harness.deadLettered(Ping.self, by: "email")
            #expect(letters.map(\.reason) == [.exhausted])
            #expect(letters.map(\.envelope?.id) == [id])
            #expect(letters.first?.record.attempts == 10)
            #expect(harness.deadLettered(LoanOpened.self, by: "email").isEmpty)
            outage.isOver.update { $0 = true }
            harness.replayDeadLetters(of: "email")
            try await harness.settle()
            #expect(outage.calls.value.last == 1)
            #expect(harness.deadLetters(of: "email").isEmpty)
        }
    }

    @Test func `a service that cannot start ends the run with its error`() async throws {
        let harness = TestHarness()
        harness.service("email") {
            Subscription(to: Ping.self) { _, _ in }
            Subscription(to: Ping.self) { _, _ in }
        }
        await #expect(throws: HarebellError.self) { try await harness.running {} }
    }

    @Test func `a handler that does not end is reported with the queue's numbers`() async throws {
        let latch = Latch()
        let harness = TestHarness()
        harness.service("email") { Subscription(to: Ping.self) { _, _ in try await latch.pass() } }
        try await harness.running {
            try await harness.publish(Ping(number: 1))
            let error = await #expect(throws: WaitedTooLong.self) {
                try await harness.settle(within: .milliseconds(20))
            }
            #expect(error?.description.contains("email: 0 not begun, 1 not finished") == true)
            latch.open()
            try await harness.settle()
        }
    }
}
