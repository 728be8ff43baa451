import HarebellDevelopment
import TestSupport

@testable import HarebellDevelopment

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// A collector of another make that decodes traces by OpenTelemetry's own definitions.
struct Collector: Sendable {
    /// One span that it got.
    struct Span: Decodable, Sendable {
        struct Link: Decodable, Sendable, Hashable {
            let trace: String
            let id: String
        }
        let service: String
        let scope: String
        let trace: String
        let id: String
        let parent: String
        let name: String
        let kind: String
        let status: String
        let attributes: [String: String]
        let links: [Link]
        let events: [String]
        let isInOrder: Bool
        let isKnown: Bool
    }

    let endpoint: String
    private let file: String

    /// Runs a collector for the time of the body.
    static func running(in directory: String, _ body: (Collector) async throws -> Void) async throws {
        let script = URL(filePath: #filePath).deletingLastPathComponent().path + "/otlp_receiver.py"
        let output = directory + "/collector.txt"
        let spans = directory + "/spans.ndjson"
        let process = try ChildProcess.start(
            ForeignClient.interpreter, arguments: [script, spans], environment: currentEnvironment(),
            directory: directory, output: .file(output))
        do {
            let port = try await eventualValue("the collector", within: .seconds(30)) {
                let text = Command.contents(of: output)
                return text.hasSuffix("\n") ? Int(text.filter(\.isNumber)) : nil
            }
            try await body(Collector(endpoint: "http://127.0.0.1:\(port)", file: spans))
        } catch {
            await process.terminate(grace: .zero)
            throw error
        }
        await process.terminate(grace: .zero)
    }

    /// Everything that it got so far.
    var spans: [Span] {
        get throws {
            try Command.contents(of: file).split(separator: "\n", omittingEmptySubsequences: true).map {
                try JSONDecoder().decode(Span.self, from: Data($0.utf8))
            }
        }
    }
}
