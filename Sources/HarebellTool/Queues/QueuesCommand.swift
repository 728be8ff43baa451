import AMQP
import ArgumentParser
import HarebellOperations

/// `harebell queues`.
struct QueuesCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "queues", abstract: "Look at queues.", subcommands: [QueuesListCommand.self],
        defaultSubcommand: QueuesListCommand.self)
}

/// `harebell queues list`.
struct QueuesListCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list",
        abstract: "Every queue: what is ready, what is in hand, who consumes, how fast.",
        discussion: """
            Needs the management API. What the broker does not say is '-', never 0.

            Examples:
              harebell queues list
              harebell queues list --watch partner
              harebell queues list -o json
            """)

    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var output: OutputOptions

    @Flag(name: .shortAndLong, help: "Repeat until interrupted.")
    var watch = false
    @Option(help: ArgumentHelp("The time between two looks.", valueName: "seconds"))
    var interval = 2.0

    @Argument(help: "Only queues whose names begin with one of these.")
    var names: [String] = []

    func validate() throws {
        guard interval >= 0.2, interval <= 3600 else {
            throw ValidationError("--interval is between 0.2 and 3600 seconds.")
        }
        guard !watch || output.output != .json else {
            throw ValidationError("--watch prints one list after the other: use -o ndjson, not json.")
        }
    }

    func run() async throws {
        guard let management = try await connection.target().management else {
            throw ToolError(
                "Listing queues needs the management API.",
                advice: "Set HAREBELL_MANAGEMENT=https://host:15672, or pass --management.", exitCode: ExitStatus.usage)
        }
        var hasSeen = false
        while true {
            let all: [QueueStatus]
            do {
                all = try await management.queues()
                hasSeen = true
            } catch let error as OperationError where watch && hasSeen {
                // A node that restarts is what one watches for.
                Terminal.note("✘ \(SafeText.line(error.description))")
                try await Task.sleep(for: .milliseconds(Int64(interval * 1_000)))
                continue
            }
            let queues = all.filter { queue in names.isEmpty || names.contains { queue.name.hasPrefix($0) } }
            if watch, Terminal.isOutputTerminal, output.output == .table || output.output == .wide {
                Terminal.clear()
            }
            try output.print(queues, name: \.name) { Self.table(queues, isWide: $0) }
            guard watch else { return }
            try await Task.sleep(for: .milliseconds(Int64(interval * 1_000)))
        }
    }

    static func table(_ queues: [QueueStatus], isWide: Bool) -> Table {
        var columns: [Table.Column] = [
            .text("QUEUE"), .text("TYPE"), .number("READY"), .number("UNACKED"), .number("CONSUMERS"),
            .number("IN/S"), .number("ACK/S"), .text("STATE"),
        ]
        if isWide { columns += [.number("BYTES"), .text("DLX"), .number("DELIVERY-LIMIT"), .text("POLICY")] }
        var table = Table(columns)
        for queue in queues {
            var row: [String?] = [
                queue.name, queue.type, queue.ready.map(String.init), queue.unacknowledged.map(String.init),
                queue.consumers.map(String.init), queue.publishRate.map(Units.tenths),
                queue.acknowledgeRate.map(Units.tenths), queue.condition,
            ]
            if isWide {
                row += [
                    queue.bytes.map(Units.size), queue.deadLetterExchange, queue.deliveryLimit.map(String.init),
                    queue.policy,
                ]
            }
            table.add(row)
        }
        return table
    }
}
