import Foundation
import TestSupport
import Testing

@testable import AMQP
@testable import HarebellDevelopment

/// `amqp-stress` against a real broker.
///
/// `HAREBELL_STRESS` names another build of it, one with a sanitizer for example, and `HAREBELL_STRESS_SECONDS` how
/// long it works.
@Suite(.serialized) struct StressTests {
    @Test func `publishing, consuming, cancelling and closing at once while connections break loses nothing`()
        async throws
    {
        let environment = ProcessInfo.processInfo.environment
        let executable = environment["HAREBELL_STRESS"] ?? "\(ownFolder())/amqp-stress"
        let seconds = environment["HAREBELL_STRESS_SECONDS"].flatMap(Int.init) ?? 8
        try await withVirtualHost { url in
            try await withTemporaryDirectory { directory in
                let process = try ChildProcess.start(
                    executable, arguments: [url, "\(seconds)"], environment: environment, directory: directory,
                    output: .file(directory + "/output"))
                let status = await process.waitForExit(within: .seconds(seconds + 150))
                if status == nil { await process.terminate(grace: .zero) }
                let output = String(
                    decoding: FileManager.default.contents(atPath: directory + "/output") ?? Data(), as: UTF8.self)
                print(output, terminator: "")
                #expect(status == .exited(0), "\(output.suffix(4000))")
            }
        }
    }
}
