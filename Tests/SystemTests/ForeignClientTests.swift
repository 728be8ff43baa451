import Harebell
import HarebellDevelopment
import HarebellOperations
import HarebellRabbitMQ
import TestSupport
import Testing

extension SystemTests {
    @Test(.enabled(if: ForeignClient.isInstalled, "Ops/setup installs pika"))
    func `hostile messages of a foreign client disturb neither the workers nor what follows`() async throws {
        let running = try await RunningSystem.shared()
        try await running.purgeDeadLetters()
        // Everybody connected and consuming, whatever ran before.
        let first = try await running.createLoan()
        try await running.payOut(first)
        #expect(try await running.settled([first]).lost == 0)
        let (before, mark, marker) = (try running.processIDs(), running.journal.mark, uniqueName("hostile"))

        let published = try await ForeignClient.publish(marker: marker, url: running.system.broker.url)
        #expect(published.status?.isSuccess == true, "\(published.output)")
        let outcomes = published.output.split(separator: "\n").map(String.init)
        try #require(outcomes.count == ForeignClient.cases.count, "\(published.output)")
        print("hostile messages: \(outcomes.joined(separator: "; "))")

        let next = try await running.createLoan()
        try await running.payOut(next)
        let tally = try await running.settled([next])
        #expect(tally.lost == 0 && tally.duplicates == 0, "\(tally)")

        for worker in RunningSystem.workers {
            var reasons: [String: String] = [:]
            let expected = zip(ForeignClient.cases, outcomes).filter { $0 != "unknown" && $1.hasSuffix(" confirmed") }
            do {
                try await eventually("the dead letters of \(worker)", within: .seconds(60)) {
                    reasons = try await running.deadLetterReasons(of: worker, marker: marker)
                    return reasons.count >= expected.count
                }
            } catch is DeadlinePassed {}
            #expect(reasons == expected.reduce(into: [:]) { $0[$1.0] = "poison" }, "\(worker)")
            try await eventually("the unknown type on a rung of \(worker)") {
                try await running.isWaiting("\(marker)-unknown", of: worker, since: mark)
            }
            #expect(running.journal.connectionChanges(of: worker, since: mark) == [], "\(worker)")
        }
        // A refusal says why.
        for outcome in outcomes where !outcome.hasSuffix(" confirmed") {
            #expect(outcome.contains("refused: ") && outcome.contains("frame"), "\(outcome)")
        }
        #expect(running.journal.exits(since: mark) == [])
        #expect(try running.processIDs() == before)
        try await running.purgeDeadLetters()
    }
}

extension RunningSystem {
    /// Why the hostile messages of a run are dead letters, by their case.
    fileprivate func deadLetterReasons(of worker: String, marker: String) async throws -> [String: String] {
        try await withBroker { connection in
            let queue = DeadLetterQueue(service: ServiceName(unchecked: worker), connection: connection)
            return try await queue.list().letters.reduce(into: [:]) { reasons, letter in
                let end = String(decoding: letter.body.suffix(marker.utf8.count + 20), as: UTF8.self)
                guard let found = end.firstRange(of: marker + ":") else { return }
                reasons[String(end[found.upperBound...])] = letter.reason.rawValue
            }
        }
    }

    /// Whether a message was put onto a retry rung, and a rung of the service holds one.
    fileprivate func isWaiting(_ id: String, of worker: String, since mark: Int) async throws -> Bool {
        let isRetried = journal.all(since: mark).contains { event in
            if case .retried(worker, id, _, _, _) = event { true } else { false }
        }
        guard isRetried else { return false }
        return try await system.broker.queueDepths().contains { name, depth in
            (name.hasPrefix("\(worker).retry.") || name == "\(worker).due") && depth > 0
        }
    }
}
