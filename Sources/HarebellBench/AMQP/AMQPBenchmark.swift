import AMQP
import ArgumentParser
import Foundation
import HarebellDevelopment
import Logging

/// `harebell-bench amqp`: publishing with confirms and consuming with acks, ours beside the C loop.
struct AMQPBenchmark: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "amqp", abstract: "Publish with confirms and consume with acks, beside a C loop on librabbitmq.")

    @Option(help: "The broker to use; without it a private one is started and removed afterwards.")
    var url: String?

    @Option(help: "How many messages one run moves.")
    var messages = 20_000

    @Option(help: "How many bytes a message has.")
    var bytes = 256

    @Option(help: "How many confirms may be missing, and how many deliveries be unsettled.")
    var window = 1000

    @Option(help: "How many runs of each; the median counts.")
    var runs = 7

    @Option(help: "The type of queue: classic (transient) or quorum.")
    var queue = QueueKind.classic

    @Flag(help: "Print rows as JSON.")
    var json = false

    func validate() throws {
        guard messages > 0, bytes >= 0, window > 0, window <= 65_535, runs > 0 else {
            throw ValidationError("messages, window (at most 65535) and runs must be positive, bytes not negative.")
        }
    }

    func run() async throws {
        #if DEBUG
            printToStandardError("harebell-bench: a debug build; its numbers say nothing. Build with -c release.")
        #endif
        if let url {
            try await measure(url)
        } else {
            let directory = try TemporaryDirectory.make(prefix: "harebell-bench")
            defer { TemporaryDirectory.remove(directory) }
            let broker = try await PrivateBroker.start(in: directory, management: false, logger: Self.logger)
            do {
                try await measure(broker.url)
            } catch {
                await broker.stop()
                throw error
            }
            await broker.stop()
        }
    }

    private static let logger = Logger(label: "harebell-bench") { label in
        var handler = StreamLogHandler.standardError(label: label)
        handler.logLevel = .warning
        return handler
    }

    private func measure(_ url: String) async throws {
        let workload = Workload(
            configuration: try AMQPConfiguration(uri: url), messages: messages, bytes: bytes, window: window,
            queue: queue, logger: Self.logger)
        let rows = try await workload.measure(runs: runs) { row in
            if !json { printToStandardError("\(row.case) \(row.client): \(row.samples.count) of \(runs)") }
        }
        if json {
            let encoder = JSONEncoder()
            encoder.outputFormatting = [.prettyPrinted, .sortedKeys]
            print(String(decoding: try encoder.encode(rows), as: UTF8.self))
        } else {
            print(Table(rows).text)
        }
    }
}

extension QueueKind: ExpressibleByArgument {}

/// Writes a line to standard error, which is not the result.
func printToStandardError(_ line: String) {
    FileHandle.standardError.write(Data((line + "\n").utf8))
}
