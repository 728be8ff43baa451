import TestSupport
import Testing

@testable import HarebellDevelopment

/// The real services around a real broker.
@Suite struct DemoTests {
    @Test(.timeLimit(.minutes(3)))
    func `the demonstration keeps every promise and leaves no process`() async throws {
        try await withTemporaryDirectory { directory in
            let system = DevelopmentSystem(.init(directory: directory + "/dev"), logger: quietLogger)
            let events = system.events()
            let (result, correlations) = try await system.run {
                let result = try await system.runDemo(within: .seconds(60))
                let calls = try system.partner.requests.filter { $0.loanID == result.loanID && $0.isAccepted }
                return (result, calls.map(\.correlationID))
            }
            for observation in result.observations {
                #expect(observation.isObserved, "\(observation.promise)")
            }
            // Created and paid out, each in its own business transaction.
            #expect(Set(correlations).count == 2)
            var pids: [Int32] = []
            for await event in events {
                if case .serviceStarted(_, let processID) = event { pids.append(processID) }
                // What the services wrote explains a promise that was not kept.
                if !result.isComplete { print(event) }
            }
            #expect(pids.count == 4)
            for pid in pids { #expect(ProcessTable.members(ofSession: pid).isEmpty) }
        }
    }
}
