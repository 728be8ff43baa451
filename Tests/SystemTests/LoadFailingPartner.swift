import Harebell
import HarebellDevelopment
import LoanEvents
import Synchronization
import TestSupport
import Testing

extension LoadTests {
    /// What came out of the system, and when.
    private final class Arrivals: Sendable {
        private struct State {
            var mails: [ContinuousClock.Instant] = []
            var pdfs: [String: ContinuousClock.Instant] = [:]
            var exits: [String] = []
        }
        private let state = Mutex(State())

        func collect(_ events: AsyncStream<DevelopmentEvent>) async {
            for await event in events {
                let now = ContinuousClock.now
                state.withLock { state in
                    switch event {
                    case .mailReceived: state.mails.append(now)
                    case .pdfWritten(let loan, _): state.pdfs[loan] = now
                    case .serviceExited(let name, let status, _): state.exits.append("\(name): \(status)")
                    default: break
                    }
                }
            }
        }

        var exits: [String] { state.withLock { $0.exits } }
        var counts: (mails: Int, pdfs: Int) { state.withLock { ($0.mails.count, $0.pdfs.count) } }

        func counts(from start: ContinuousClock.Instant, for window: Duration) -> (mails: Int, pdfs: Int) {
            let window = start..<(start + window)
            return state.withLock { state in
                (state.mails.count { window.contains($0) }, state.pdfs.values.count { window.contains($0) })
            }
        }
    }

    @Test(.timeLimit(.minutes(5)))
    func `a partner that fails holds up neither mails nor receipts, and hears everything once`() async throws {
        let window: Duration = Self.isFull ? .seconds(20) : .seconds(6)
        try await withTemporaryDirectory { directory in
            var configuration = DevelopmentConfiguration(directory: directory + "/dev")
            // Long enough to wait on a rung whatever the jitter, often enough to outlast the failure.
            configuration.environment["partner"] = [
                "HAREBELL_RETRY_DELAYS": Array(repeating: "2s", count: 20).joined(separator: ",")
            ]
            let system = DevelopmentSystem(configuration, logger: quietLogger)
            let (arrivals, events) = (Arrivals(), system.events())
            try await withThrowingTaskGroup(of: Void.self) { tasks in
                tasks.addTask { await arrivals.collect(events) }
                try await system.run { try await Self.measure(system, arrivals, window: window) }
                try await tasks.waitForAll()
            }
            #expect(arrivals.exits.isEmpty)
        }
    }

    private static func measure(
        _ system: DevelopmentSystem, _ arrivals: Arrivals, window: Duration, perSecond: Int = 8
    ) async throws {
        for worker in ["email", "pdf", "partner"] {
            let memory = try system.supervisor.residentMemory(of: worker).map { "\($0 / 1024) MiB" } ?? "unknown"
            print("memory: \(worker)-worker, idle after its start: \(memory) resident")
        }
        let (partner, api) = (try system.partner, try LoadPayoutClient(url: system.payoutURL))
        let queues = LoadQueues(url: try system.broker.url)
        let warmUp: Duration = .seconds(2)
        let loans = try await api.createLoans(Int((warmUp + window * 2) / .seconds(1)) * perSecond)
        try await eventually("the partner knows every loan", within: .seconds(60)) {
            partner.statistics.accepted >= loans.count
        }

        // Both windows lie inside a stream that does not know of them, nor of how fast anything is handled.
        let begin = ContinuousClock.now
        let (up, failing) = (begin + warmUp, begin + warmUp + window)
        try await withThrowingTaskGroup(of: Void.self) { payouts in
            payouts.addTask {
                try await withThrowingTaskGroup(of: Void.self) { requests in
                    for (number, loan) in loans.enumerated() {
                        try await Task.sleep(until: begin + .seconds(number) / perSecond)
                        requests.addTask { try await api.payOut(loan) }
                    }
                    try await requests.waitForAll()
                }
            }
            try await Task.sleep(until: failing)
            try system.setPartner(.fail(for: window))
            try await eventually("reports wait on the rungs", within: window) {
                try await queues.waitingForRetry("partner") > 0
            }
            try await payouts.waitForAll()
        }
        let waiting = try await queues.waitingForRetry("partner")
        try await eventually("every mail and every receipt", within: .seconds(60)) {
            let counts = arrivals.counts
            return counts.mails >= loans.count && counts.pdfs >= loans.count
        }
        try await eventually("every report is accepted", within: .seconds(90)) {
            partner.statistics.accepted >= loans.count * 2
        }
        try await eventually("nothing waits") { try await queues.waiting("partner") == 0 }

        let (before, during) = (
            arrivals.counts(from: up, for: window), arrivals.counts(from: failing, for: window)
        )
        let ratios = (
            mails: Double(during.mails) / Double(before.mails), pdfs: Double(during.pdfs) / Double(before.pdfs)
        )
        let reports = partner.requests.filter { $0.status == LoanStatus.paidOut.rawValue }
        let accepted = Dictionary(grouping: reports.filter(\.isAccepted), by: \.idempotencyKey)
        let lost = Set(loans).subtracting(accepted.values.compactMap(\.first?.loanID)).count
        let twice = accepted.values.count { $0.count > 1 }
        let refused = reports.count { !$0.isAccepted }
        print(
            "failing partner: windows of \(window):",
            "mails \(before.mails) up, \(during.mails) failing: \(ratios.mails);",
            "receipts \(before.pdfs) up, \(during.pdfs) failing: \(ratios.pdfs);",
            "\(loans.count) reports, \(refused) attempts refused, \(waiting) on the rungs at the end of the window,",
            "\(lost) lost, \(twice) twice")
        #expect(ratios.mails >= 0.8)
        #expect(ratios.pdfs >= 0.8)
        #expect(refused > 0)
        #expect(lost == 0)
        #expect(twice == 0)
        #expect(accepted.count == loans.count)
        #expect(try await queues.dead("partner") == 0)
        #expect(arrivals.counts == (loans.count, loans.count))
    }
}
