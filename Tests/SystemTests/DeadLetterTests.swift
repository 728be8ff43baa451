import TestSupport
import Testing

@testable import HarebellDevelopment

#if canImport(Glibc)
    import Glibc
#endif

extension SystemTests {
    @Test func `what the partner refused is explained, replayed to it alone, and taken then`() async throws {
        let running = try await RunningSystem.shared()
        try await running.purgeDeadLetters()
        let loan = try await running.createLoan()
        try await eventually("the partner to know the loan", within: .seconds(60)) {
            try running.partnerCalls(about: loan).contains(where: \.isAccepted)
        }
        try running.system.setPartner(.reject)
        defer { try? running.system.setPartner(.ok) }
        try await running.payOut(loan)
        let id = try await eventualValue("the dead letter", within: .seconds(60)) {
            running.journal.deadLetters(of: "partner").last { dead in
                (try? running.partnerCalls(about: loan).contains { $0.idempotencyKey == dead }) ?? false
            }
        }
        // At once: an answer of 4xx is final.
        #expect(try running.partnerCalls(about: loan, status: "paid_out").map(\.answer) == [422])

        let list = try await running.harebell("dlq", "list", "--service", "partner")
        #expect(list.status?.isSuccess == true, "\(list.output)")
        for word in [id, "partner.dead", "loan.paid-out", "permanent", "1 of 1 in partner.dead"] {
            #expect(list.output.contains(word), "\(word) in \(list.output)")
        }
        let show = try await running.harebell("dlq", "show", id)
        #expect(show.status?.isSuccess == true, "\(show.output)")
        for word in [
            "Dead letter 1 of 1 in partner.dead", id, "permanent: its handler said", "422", "Attempts    1",
            "harebell dlq replay \(id) --service partner",
        ] {
            #expect(show.output.contains(word), "\(word) in \(show.output)")
        }

        try await eventually("the mail and the receipt", within: .seconds(60)) {
            try running.mails(about: loan).count == 1 && running.printings(of: loan) == 1
        }
        try running.system.setPartner(.ok)
        let replay = try await running.harebell("dlq", "replay", id)
        #expect(replay.status?.isSuccess == true, "\(replay.output)")
        #expect(replay.output.contains("replayed to partner"), "\(replay.output)")
        try await eventually("the partner to take it", within: .seconds(60)) {
            try running.partnerCalls(about: loan, status: "paid_out").map(\.answer) == [422, 200]
        }
        let calls = try running.partnerCalls(about: loan, status: "paid_out")
        #expect(Set(calls.map(\.idempotencyKey)) == [id])
        #expect(Set(calls.map(\.body)).count == 1)

        // Queues keep their order: whatever another service had got of the replay comes before this loan's effects.
        let next = try await running.createLoan()
        try await running.payOut(next)
        #expect(try await running.settled([next]).lost == 0)
        #expect(try running.mails(about: loan).count == 1)
        #expect(running.printings(of: loan) == 1)
        let empty = try await running.harebell("dlq", "list", "--service", "partner")
        #expect(empty.status?.isSuccess == true)
        #expect(empty.output.contains("No dead letters."), "\(empty.output)")
    }

    @Test func `the tool publishes, lists the queues and verifies the topology`() async throws {
        let running = try await RunningSystem.shared()
        let loan = uniqueName("loan")
        let event = """
            {"loanID":"\(loan)","borrower":{"name":"Åsa","email":"\(loan)@example.org"},\
            "amount":{"minorUnits":100,"currency":"SEK"},"reference":"R1","occurredAt":"2026-01-02T03:04:05.678Z"}
            """
        let heard = try await running.harebell("publish", "loan.paid-out", "--data", event)
        #expect(heard.status?.isSuccess == true, "\(heard.output)")
        #expect(heard.output.hasSuffix("  confirmed\n"), "\(heard.output)")
        let published = TestLoan(id: loan, email: loan + "@example.org")
        try await eventually("the mail", within: .seconds(60)) { try running.mails(about: published).count == 1 }

        let applied = try await running.harebell(
            "topology", "apply", "--service", "demo", "--publishes", "demo.unheard")
        #expect(applied.status?.isSuccess == true, "\(applied.output)")
        let unheard = try await running.harebell("publish", "demo.unheard", "--no-validate", "--data", "{}")
        #expect(unheard.status?.isSuccess == true, "\(unheard.output)")
        #expect(unheard.output.hasSuffix("  confirmed, no subscriber\n"), "\(unheard.output)")

        let queues = try await running.harebell("queues", "list")
        #expect(queues.status?.isSuccess == true, "\(queues.output)")
        for name in ["email", "pdf", "partner", "partner.dead", "unrouted"] {
            #expect(queues.output.contains(name), "\(name) in \(queues.output)")
        }
        let verified = try await running.harebell("topology", "verify")
        #expect(verified.status?.isSuccess == true, "\(verified.output)")
        #expect(verified.output.contains("the broker has what is needed"), "\(verified.output)")
    }

    #if os(Linux)
        @Test func `a process without privileges connects as well as one with them`() async throws {
            let running = try await RunningSystem.shared()
            // Which socket options need a privilege shows only to those who have none, not to root.
            let drop = ["--bounding-set=-all", "--inh-caps=-all", "--ambient-caps=-all", "--"]
            let arguments = [ownFolder() + "/harebell", "topology", "verify"]
            let environment = try running.operatorEnvironment
            let verified =
                geteuid() == 0
                ? try await Command.run("/usr/bin/setpriv", drop + arguments, environment: environment)
                : try await Command.run(arguments[0], Array(arguments.dropFirst()), environment: environment)
            #expect(verified.status?.isSuccess == true, "\(verified.output)")
            #expect(verified.output.contains("the broker has what is needed"), "\(verified.output)")
        }
    #endif
}
