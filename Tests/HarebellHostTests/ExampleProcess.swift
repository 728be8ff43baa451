import Foundation
import TestSupport
import Testing

/// The example subscriber as a process; what it prints goes into files of a folder that the test owns.
struct ExampleProcess {
    private let process = Process()
    private let folder: URL
    private let exited: AsyncStream<Int32>

    init(_ arguments: [String] = [], environment: [String: String] = [:], in folder: String) throws {
        let test = try #require(CommandLine.arguments.first)
        self.folder = URL(filePath: folder)
        process.executableURL = URL(filePath: test).resolvingSymlinksInPath().deletingLastPathComponent()
            .appending(path: "example-subscriber")
        process.arguments = arguments
        process.environment = environment
        process.standardOutput = try Self.file("out", in: self.folder)
        process.standardError = try Self.file("err", in: self.folder)
        let (exited, continuation) = AsyncStream<Int32>.makeStream()
        self.exited = exited
        process.terminationHandler = { process in
            // A process that a signal killed has no exit code; shells say 128 and the signal.
            let wasKilled = process.terminationReason == .uncaughtSignal
            continuation.yield((wasKilled ? 128 : 0) + process.terminationStatus)
            continuation.finish()
        }
        try process.run()
    }

    private static func file(_ name: String, in folder: URL) throws -> FileHandle {
        let url = folder.appending(path: name)
        try Data().write(to: url)
        return try FileHandle(forWritingTo: url)
    }

    var output: String { get throws { try String(contentsOf: folder.appending(path: "out"), encoding: .utf8) } }
    var errors: String { get throws { try String(contentsOf: folder.appending(path: "err"), encoding: .utf8) } }

    /// Waits for the end and returns the exit code; a process that outlives its test's limit is killed.
    func exitCode() async throws -> Int32 {
        try await withTaskCancellationHandler {
            for await code in exited { return code }
            throw CancellationError()
        } onCancel: {
            kill(process.processIdentifier, SIGKILL)
        }
    }

    /// Sends a signal.
    func signal(_ signal: Int32) { kill(process.processIdentifier, signal) }
}
