import AMQP
import Foundation
import TestSupport
import Testing

@testable import HarebellDevelopment

extension SystemTests {
    @Test func `a worker that the tool pauses takes nothing, and handles all of it once it is resumed`() async throws {
        let running = try await RunningSystem.shared()
        try await withTemporaryDirectory { folder in
            // Where the operator stands: `harebell dev` runs in this directory.
            try FileManager.default.createDirectory(atPath: folder + "/.harebell", withIntermediateDirectories: true)
            try FileManager.default.createSymbolicLink(
                atPath: folder + "/.harebell/dev", withDestinationPath: running.system.configuration.directory)
            // Whatever happens, the tests that follow find it working.
            do {
                try await pauseAndResume(running, in: folder)
            } catch {
                _ = try? await running.harebell("services", "resume", "--all", in: folder)
                throw error
            }
        }
    }

    private func pauseAndResume(_ running: RunningSystem, in folder: String) async throws {
        let list = try await running.harebell("services", in: folder)
        #expect(list.status == .exited(0), "\(list.output)")
        let states = list.output.split(separator: "\n").dropFirst().map { $0.split(separator: " ").prefix(2) }
        #expect(
            Set(states.map { $0.joined(separator: " ") })
                == ["payout no", "email running", "pdf running", "partner running"], "\(list.output)")

        let paused = try await running.harebell("services", "pause", "email", "-o", "json", in: folder)
        #expect(paused.status == .exited(0), "\(paused.output)")
        struct Row: Decodable {
            let name, state, address: String
            let inHand, prefetch: Int
        }
        let rows = try JSONDecoder().decode([Row].self, from: Data(paused.output.utf8))
        #expect(rows.map(\.name) == ["email"] && rows.first?.state == "paused" && rows.first?.inHand == 0)
        let address = try #require(rows.first?.address)

        var loans: [TestLoan] = []
        for _ in 0..<5 {
            let loan = try await running.createLoan()
            try await running.payOut(loan)
            loans.append(loan)
        }
        try await eventually("the other services to go on", within: .seconds(60)) {
            try loans.allSatisfy { try running.partnerCalls(about: $0).count == 2 && running.printings(of: $0) == 1 }
        }
        try await eventually("the queue of the paused service to hold what came", within: .seconds(60)) {
            try await running.withBroker { connection in
                let channel = try await connection.openChannel()
                return try await channel.declareQueue("email", passive: true).messageCount == 5
            }
        }
        #expect(try loans.allSatisfy { try running.mails(about: $0).isEmpty })

        // From anywhere, by the address.
        let more = try await running.harebell("services", "prefetch", "7", "email", "--status-url", address)
        #expect(more.status == .exited(0), "\(more.output)")
        #expect(more.output.contains("paused") && more.output.contains("        7  http://"), "\(more.output)")
        let wrong = try await running.harebell("services", "resume", "emial", "--status-url", address)
        #expect(wrong.status == .exited(6), "\(wrong.output)")
        #expect(wrong.output.contains("Did you mean 'email'?"), "\(wrong.output)")
        let broken = try await running.harebell(
            "services", "resume", "--all", "--status-url", address, "--status-url", "http://127.0.0.1:1")
        #expect(broken.status == .exited(3), "\(broken.output)")
        #expect(broken.output.contains("running") && broken.output.contains("✘ http://127.0.0.1:1"), "\(broken.output)")

        let tally = try await running.settled(loans)
        #expect(tally.lost == 0 && tally.duplicates == 0, "\(tally)")
        let drained = try await running.harebell("services", "drain", "email", in: folder)
        #expect(drained.status == .exited(0) && drained.output.contains("paused"), "\(drained.output)")
        for command in [["services", "resume", "email"], ["services", "prefetch", "20", "email"]] {
            let done = try await Command.run(ownFolder() + "/harebell", command, in: folder)
            #expect(done.status == .exited(0) && done.output.contains("running"), "\(done.output)")
        }
        let nobody = try await running.harebell("services", "pause", "email")
        #expect(nobody.status == .exited(64) && nobody.output.contains("--status-url"), "\(nobody.output)")
    }
}
