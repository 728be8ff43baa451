import Foundation
import HarebellObservability
import Logging
import Testing

@Suite struct `The log handler` {
    /// Runs a body with an output into a file and returns the file's lines.
    private func lines(_ body: (LogOutput) async throws -> Void) async throws -> [Substring] {
        let path = FileManager.default.temporaryDirectory.appending(path: "harebell-log-\(UUID().uuidString)")
        #expect(FileManager.default.createFile(atPath: path.path, contents: nil))
        defer { try? FileManager.default.removeItem(at: path) }
        let file = try FileHandle(forWritingTo: path)
        try await body(LogOutput(descriptor: file.fileDescriptor))
        try file.close()
        return try String(contentsOf: path, encoding: .utf8).split(separator: "\n")
    }

    @Test func `lines of many tasks are never mixed`() async throws {
        let payload = String(repeating: "x", count: 1_500)
        let lines = try await lines { output in
            let logger = Logger(label: "t") { LineLogHandler(label: $0, format: .json, output: output) }
            await withTaskGroup(of: Void.self) { tasks in
                for task in 0..<8 {
                    tasks.addTask {
                        for number in 0..<100 { logger.info("\(task)-\(number)-\(payload)") }
                    }
                }
            }
        }
        #expect(lines.count == 800)
        let messages = lines.compactMap { line in
            try? JSONDecoder().decode([String: String].self, from: Data(line.utf8))["message"]
        }
        #expect(Set(messages).count == 800)
    }

    @Test func `a statement's metadata wins over the provider's, which wins over the logger's`() async throws {
        let lines = try await lines { output in
            let provider = Logger.MetadataProvider { ["b": "provider", "c": "provider"] }
            var logger = Logger(label: "t") {
                LineLogHandler(label: $0, format: .json, output: output, metadataProvider: provider)
            }
            logger[metadataKey: "a"] = "logger"
            logger[metadataKey: "b"] = "logger"
            logger.info("m", metadata: ["c": "statement"])
        }
        let line = try #require(lines.first)
        #expect(line.hasSuffix(#""message":"m","a":"logger","b":"provider","c":"statement"}"#))
    }

    @Test func `what is below the level is not written`() async throws {
        let lines = try await lines { output in
            let logger = Logger(label: "t") {
                LineLogHandler(label: $0, format: .pretty, level: .error, output: output)
            }
            logger.warning("no")
            logger.error("yes")
        }
        #expect(lines.count == 1)
    }

    @Test(
        arguments: [
            ([:], true, true), ([:], false, false), (["NO_COLOR": "1"], true, false), (["NO_COLOR": ""], true, true),
            (["TERM": "dumb"], true, false), (["FORCE_COLOR": "1"], false, true),
            (["CLICOLOR_FORCE": "0"], false, false),
            (["NO_COLOR": "1", "FORCE_COLOR": "1"], true, false),
        ] as [([String: String], Bool, Bool)])
    func `colours follow the conventions`(environment: [String: String], isTerminal: Bool, expected: Bool) {
        #expect(TerminalColours.areWanted(environment: environment, isTerminal: isTerminal) == expected)
    }
}
