import Foundation

/// Runs a program to its end: a client's process, measured apart from us and from the others.
enum ChildRun {
    /// The path of this program, whose hidden subcommands are clients.
    static let ownPath = Bundle.main.executablePath ?? CommandLine.arguments[0]

    /// Gives `input` to the program, awaits its end, and returns what it wrote.
    ///
    /// Its standard error is ours, or, if it is to be silent, nobody's.
    static func output(
        _ program: String, _ arguments: [String], input: Data = Data(), isSilent: Bool = false,
        limit: Duration = .seconds(120)
    ) async throws -> Data {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: program)
        process.arguments = arguments
        let (standardInput, standardOutput) = (Pipe(), Pipe())
        process.standardInput = standardInput
        process.standardOutput = standardOutput
        if isSilent { process.standardError = FileHandle.nullDevice }
        let status = try await withThrowingTaskGroup(of: Int32?.self) { group in
            group.addTask { try await end(of: process, input, standardInput) }
            group.addTask {
                try await Task.sleep(for: limit)
                return nil
            }
            defer { group.cancelAll() }
            return try await group.next() ?? nil
        }
        // It has ended, and what it wrote fits into the pipe: reading does not wait.
        try? standardOutput.fileHandleForWriting.close()
        let output = try standardOutput.fileHandleForReading.readToEnd() ?? Data()
        guard status == 0 else {
            let name = ([URL(fileURLWithPath: program).lastPathComponent] + arguments).joined(separator: " ")
            let reason = status.map { "it ended with status \($0)" } ?? "it was ended after \(limit)"
            throw RunError("\(name): \(reason)")
        }
        return output
    }

    private static func end(of process: Process, _ input: Data, _ pipe: Pipe) async throws -> Int32 {
        try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                process.terminationHandler = { continuation.resume(returning: $0.terminationStatus) }
                do {
                    try process.run()
                } catch {
                    process.terminationHandler = nil
                    continuation.resume(throwing: error)
                    return
                }
                // A process that ended before it read its job shows in its status.
                try? pipe.fileHandleForWriting.write(contentsOf: input)
                try? pipe.fileHandleForWriting.close()
            }
        } onCancel: {
            // Not SIGTERM: what is started from a thread that blocks signals, as all workers' do, inherits that.
            if process.isRunning { kill(process.processIdentifier, SIGKILL) }
        }
    }
}

/// A run that could not be made, or moved something else than it should.
struct RunError: Error, CustomStringConvertible {
    let description: String

    init(_ description: String) {
        self.description = description
    }
}
