import TestSupport

@testable import HarebellDevelopment

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// A program that ran to its end.
struct Command: Sendable {
    let status: ExitStatus?
    /// Standard output and standard error, in the order written.
    let output: String

    /// Runs a program and waits for its end.
    static func run(
        _ path: String, _ arguments: [String], environment: [String: String] = [:],
        in folder: String? = nil, within limit: Duration = .seconds(90)
    ) async throws -> Command {
        try await withTemporaryDirectory { directory in
            let file = directory + "/output"
            let process = try ChildProcess.start(
                path, arguments: arguments, environment: currentEnvironment().merging(environment) { $1 },
                directory: folder ?? directory, output: .file(file))
            let status = await process.waitForExit(within: limit)
            if status == nil { await process.terminate(grace: .zero) }
            return Command(status: status, output: contents(of: file))
        }
    }

    static func contents(of file: String) -> String {
        String(decoding: FileManager.default.contents(atPath: file) ?? Data(), as: UTF8.self)
    }
}

extension RunningSystem {
    /// What an operator's terminal holds.
    var operatorEnvironment: [String: String] {
        get throws {
            ["HAREBELL_URL": try system.broker.url, "HAREBELL_MANAGEMENT": try system.broker.managementURL ?? ""]
        }
    }

    /// Runs the real `harebell` as an operator would; in a folder of its own, unless one is named.
    func harebell(_ arguments: String..., in folder: String? = nil) async throws -> Command {
        try await Command.run(ownFolder() + "/harebell", arguments, environment: operatorEnvironment, in: folder)
    }
}
