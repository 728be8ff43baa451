import ArgumentParser
import Foundation

/// `harebell-bench`: measures Harebell beside a baseline, in the same run.
@main
struct HarebellBench: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "harebell-bench", abstract: "Measures Harebell beside a baseline in the same run.",
        discussion: "Seconds depend on the machine; ratios of interleaved runs do not. Build with -c release.",
        subcommands: [AMQPBenchmark.self, WorkerBenchmark.self, ContenderCommand.self, NullBrokerCommand.self])
}

/// Writes a line to standard error, which is not the result.
func printToStandardError(_ line: String) {
    FileHandle.standardError.write(Data((line + "\n").utf8))
}
