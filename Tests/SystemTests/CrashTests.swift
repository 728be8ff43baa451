import Curl
import HarebellDevelopment
import TestSupport
import Testing

#if canImport(Darwin)
    import Darwin
#else
    import Glibc
#endif

extension SystemTests {
    @Test func `a worker killed in mid-handling handles its message after the restart`() async throws {
        let running = try await RunningSystem.shared()
        let mark = running.journal.mark
        var loans: [TestLoan] = []
        for _ in 0..<4 { loans.append(try await running.createLoan()) }
        try await eventually("the partner to know the loans", within: .seconds(60)) {
            try loans.allSatisfy {
                try running.partnerCalls(about: $0, status: "created").contains(where: \.isAccepted)
            }
        }
        let before = try running.processIDs()
        try running.system.partner.behave(.hang, forLoan: loans[0].id, requests: 1)
        for loan in loans { try await running.payOut(loan) }
        try await eventually("a call that hangs", within: .seconds(60)) {
            try running.partnerCalls(about: loans[0], status: "paid_out").count == 1
        }
        #expect(try running.system.supervisor.signal(SIGKILL, to: "partner"))

        let tally = try await running.settled(loans)
        print("kill -9 of partner-worker in mid-handling: \(tally)")
        #expect(tally.lost == 0, "\(tally)")
        #expect(running.journal.exits(since: mark) == ["partner"])
        #expect(try running.processIDs()["partner"] != before["partner"])
        let calls = try running.partnerCalls(about: loans[0], status: "paid_out")
        #expect(calls.map(\.answer) == [0, 200])
        #expect(Set(calls.map(\.idempotencyKey)).count == 1)
    }

    @Test func `payouts go on while the broker is dead, and nothing is lost`() async throws {
        let running = try await RunningSystem.shared()
        let mark = running.journal.mark
        let before = try running.processIDs()
        var loans: [TestLoan] = []
        for _ in 0..<20 { loans.append(try await running.createLoan()) }
        for loan in loans[..<10] { try await running.payOut(loan) }
        let broker = try running.system.broker
        broker.kill()
        await broker.waitForExit()
        for loan in loans[10...] { try await running.payOut(loan) }
        for _ in 0..<5 {
            let loan = try await running.createLoan()
            try await running.payOut(loan)
            loans.append(loan)
        }
        #expect(!broker.isRunning)
        try await running.system.startBroker()

        let tally = try await running.settled(loans)
        print("kill -9 of the broker: \(tally)")
        #expect(tally.lost == 0, "\(tally)")
        #expect(try running.processIDs() == before)
        #expect(running.journal.exits(since: mark).isEmpty)
        for service in before.keys {
            let changes = running.journal.connectionChanges(of: service, since: mark)
            #expect(changes.contains("lost the broker") && changes.contains("connected to the broker"), "\(service)")
        }
    }

    @Test func `the payout service killed after its answers loses no event and pays out once`() async throws {
        let running = try await RunningSystem.shared()
        let mark = running.journal.mark
        var loans: [TestLoan] = []
        for _ in 0..<6 { loans.append(try await running.createLoan()) }
        let key = uniqueName("key")
        for loan in loans.dropLast() { try await running.payOut(loan) }
        let last = loans[5]
        let first = try await running.payOut(last, key: key)
        // Before its relay has had time for all of them.
        #expect(try running.system.supervisor.signal(SIGKILL, to: "payout"))
        let again = try await eventualValue("the payout service's restart", within: .seconds(60)) {
            try? await running.post("/loans/\(last.id)/payout", key: key)
        }
        #expect(again.status == first.status)
        #expect(again.body == first.body)
        #expect(again.fields["Idempotency-Replayed"] == "true")
        #expect(running.journal.exits(since: mark) == ["payout"])

        let tally = try await running.settled(loans)
        print("kill -9 of payout-service: \(tally)")
        #expect(tally.lost == 0, "\(tally)")
        // Events of one payout have one id, however often they are published.
        let calls = try loans.map { try Set(running.partnerCalls(about: $0, status: "paid_out").map(\.idempotencyKey)) }
        #expect(calls.allSatisfy { $0.count == 1 })
    }
}
