import Foundation
import Testing

@testable import HarebellTool

/// What Ctrl-C does to a command that can stop in order, each in a process of its own.
@Suite struct InterruptionExitTests {
    @Test func `the first signal cancels, and says so by returning nothing`() async {
        await #expect(processExitsWith: .exitCode(7)) {
            let result: Int? = try await Interruption.untilSignal(saying: "stopping") {
                kill(getpid(), SIGINT)
                try await Task.sleep(for: .seconds(60))
                return 1
            }
            exit(result == nil ? 7 : 1)
        }
    }

    @Test func `what was about to end anyway is told`() async {
        await #expect(processExitsWith: .exitCode(7)) {
            let result: Int? = try await Interruption.untilSignal(saying: "stopping") {
                kill(getpid(), SIGTERM)
                try? await Task.sleep(for: .seconds(60))
                return 3
            }
            exit(result == 3 ? 7 : 1)
        }
    }

    @Test func `the second signal ends a command that does not stop`() async {
        await #expect(processExitsWith: .exitCode(130)) {
            _ = try await Interruption.untilSignal(saying: "stopping") {
                kill(getpid(), SIGINT)
                try? await Task.sleep(for: .seconds(60))
                kill(getpid(), SIGINT)
                await Task { try? await Task.sleep(for: .seconds(60)) }.value
            }
        }
    }

    @Test func `a signal ends at once what waits for an answer`() async {
        await #expect(processExitsWith: .exitCode(130)) {
            _ = try await Interruption.untilSignal(saying: "stopping") {
                await Interruption.whileReading {
                    kill(getpid(), SIGINT)
                    Thread.sleep(forTimeInterval: 60)
                }
            }
        }
    }
}
