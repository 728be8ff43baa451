import Foundation
import HarebellDevelopment
import Logging
import Synchronization

/// Contenders measured in turn, with the brokers they need, and progress on standard error.
struct Comparison: Sendable {
    /// The user's broker; `nil` for a private one.
    var url: String?
    /// The user's Python.
    var python: String?
    var runs: Int

    private static let logger = Logger(label: "harebell-bench") { label in
        var handler = StreamLogHandler.standardError(label: label)
        handler.logLevel = .warning
        return handler
    }

    func rows(_ contenders: [Contender]) async throws -> [Row] {
        #if DEBUG
            printToStandardError("harebell-bench: a debug build; its numbers say nothing. Build with -c release.")
        #endif
        let directory = try TemporaryDirectory.make(prefix: "harebell-bench")
        defer { TemporaryDirectory.remove(directory) }
        let python = try await PythonClients(interpreter: python, directory: directory)
        let kinds = Set(contenders.map(\.scenario.broker))
        let brokers = try await Brokers.start(kinds, url: url, directory: directory, logger: Self.logger)
        let began = ContinuousClock.now
        let shown = Mutex(0)
        let measurement = Measurement(brokers: brokers, python: python, runs: runs) { done, total in
            // One line for every tenth.
            let tenth = done * 10 / total
            let isNew = shown.withLock { shown in
                defer { shown = tenth }
                return tenth > shown
            }
            guard isNew else { return }
            let seconds = (ContinuousClock.now - began) / .seconds(1)
            printToStandardError("\(done) of \(total) runs after \(formatted(seconds, digits: 0)) s")
        }
        let rows = await measurement.rows(contenders)
        await brokers.stop()
        return rows
    }
}
