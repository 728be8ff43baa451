import ArgumentParser

/// `harebell-bench`: measures Harebell beside a baseline, in the same run.
@main
struct HarebellBench: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "harebell-bench", abstract: "Measures Harebell beside a baseline in the same run.",
        discussion: "Seconds depend on the machine; ratios of interleaved runs do not. Build with -c release.",
        subcommands: [AMQPBenchmark.self])
}
