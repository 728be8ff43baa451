import ArgumentParser
import HarebellDevelopment
import Logging
import UnixSignals

/// `harebell dev`, without a further word.
struct DevRunCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "run", abstract: "Start everything, show what happens, stop with Ctrl-C (the default).")

    @Flag(help: "Stop after the demonstration; exit code 0 if everything promised was observed.")
    var exitAfterDemo = false
    @Flag(help: "Start without the demonstration.")
    var noDemo = false
    @Flag(help: "Print every line that the services write.")
    var logs = false
    @Flag(help: "Forget what earlier runs kept: loans, messages, mails and receipts.")
    var reset = false
    @Option(help: "The port of the payout API; a free one unless given.")
    var port: Int?
    @Option(help: "Where data is kept.")
    var directory = ".harebell/dev"

    func validate() throws {
        guard !(exitAfterDemo && noDemo) else { throw ValidationError("--exit-after-demo needs the demonstration.") }
        if let port, !(1...65_535).contains(port) { throw ValidationError("--port is between 1 and 65535.") }
    }

    func run() async throws {
        var configuration = DevelopmentConfiguration(directory: directory)
        configuration.forgets = reset
        if let port { configuration.payoutPort = port }
        let system = DevelopmentSystem(configuration, logger: Tool.logger)
        let events = system.events()
        let report = DevelopmentReport(showsLogs: logs)
        let isComplete = try await Interruption.untilSignal(saying: "stopping everything") {
            try await withThrowingTaskGroup(of: Bool?.self) { tasks in
                tasks.addTask {
                    for await event in events {
                        report.show(event)
                        if noDemo, case .ready(let payoutURL) = event { report.showNextSteps(payoutURL: payoutURL) }
                    }
                    return nil
                }
                tasks.addTask { try await run(system, report) }
                var isComplete = true
                for try await result in tasks { isComplete = result ?? isComplete }
                return isComplete
            }
        }
        guard let isComplete else {
            Terminal.note("✔ everything is stopped")
            if exitAfterDemo { throw ExitStatus.interrupted }
            return
        }
        Terminal.note(isComplete ? "✔ every promise was kept" : "✘ not every promise was kept")
        if !isComplete { throw ExitStatus.failed }
    }

    private func run(_ system: DevelopmentSystem, _ report: DevelopmentReport) async throws -> Bool {
        try await system.run {
            if !noDemo {
                let result = try await system.runDemo()
                report.show(result)
                guard !exitAfterDemo else { return result.isComplete }
                report.showNextSteps(payoutURL: try system.payoutURL)
            }
            // Until a signal cancels it.
            while true { try await Task.sleep(for: .seconds(3_600)) }
        }
    }
}
