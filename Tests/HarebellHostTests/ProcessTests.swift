import Foundation
import Testing

/// Runs the example subscriber as its users do.
@Suite(.timeLimit(.minutes(1))) struct `The example subscriber as a process` {
    private struct Outcome {
        let status: Int32
        let output: String
        let errors: String
    }

    private var executable: URL {
        get throws {
            let folder = try #require(
                CommandLine.arguments.first.map {
                    URL(filePath: $0).resolvingSymlinksInPath().deletingLastPathComponent()
                })
            return folder.appending(path: "example-subscriber")
        }
    }

    private func makeProcess(_ arguments: [String], environment: [String: String] = [:]) throws -> (Process, Pipe, Pipe)
    {
        let process = Process()
        process.executableURL = try executable
        process.arguments = arguments
        process.environment = environment
        let (output, errors) = (Pipe(), Pipe())
        process.standardOutput = output
        process.standardError = errors
        return (process, output, errors)
    }

    /// Waits on a thread of its own: the tests' threads are few.
    private func run(_ arguments: [String], environment: [String: String] = [:]) async throws -> Outcome {
        let (process, output, errors) = try makeProcess(arguments, environment: environment)
        return try await withCheckedThrowingContinuation { continuation in
            process.terminationHandler = { process in
                let texts = [output, errors].map { pipe in
                    String(decoding: pipe.fileHandleForReading.availableData, as: UTF8.self)
                }
                continuation.resume(
                    returning: Outcome(status: process.terminationStatus, output: texts[0], errors: texts[1]))
            }
            do { try process.run() } catch { continuation.resume(throwing: error) }
        }
    }

    @Test func `--help explains options, variables and exit codes and exits with 0`() async throws {
        let outcome = try await run(["--help"])
        #expect(outcome.status == 0)
        #expect(outcome.output.contains("HAREBELL_URL"))
        #expect(outcome.output.contains("EXAMPLES:"))
        #expect(outcome.output.contains("USAGE: example-subscriber"))
    }

    @Test func `--version prints the version`() async throws {
        #expect(try await run(["--version"]).output.first?.isNumber == true)
    }

    @Test func `a wrong configuration is explained at once and exits with 64`() async throws {
        let outcome = try await run(
            ["--prefetch", "none", "--url", "amqp://u:s3cret@h"], environment: ["HAREBELL_LOG_LEVEL": "loud"])
        #expect(outcome.status == 64)
        for part in ["3 problems", "--prefetch", "--url carries a password", "HAREBELL_LOG_LEVEL", "--help"] {
            #expect(outcome.errors.contains(part), "\(part)")
        }
        #expect(!outcome.errors.contains("s3cret"))
        #expect(outcome.output.isEmpty)
    }

    @Test func `an unknown option exits with 64`() async throws {
        #expect(try await run(["--nonsense"]).status == 64)
    }
}
