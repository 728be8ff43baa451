import AMQP
import ArgumentParser
import Harebell
import HarebellOperations
import HarebellRabbitMQ
import LoanEvents

/// `harebell topology`.
struct TopologyCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "topology",
        abstract: "Exchanges, queues and bindings: what services need, and what the broker has.",
        subcommands: [TopologyShowCommand.self, TopologyApplyCommand.self, TopologyVerifyCommand.self])
}

/// Whose topology: the reference system's, or one service described by flags.
struct TopologySelection: ParsableArguments {
    @Option(help: ArgumentHelp("Only this service.", valueName: "name"))
    var service: String?
    @Option(
        help: ArgumentHelp("Event types a service of your own subscribes to, separated by commas.", valueName: "types"))
    var subscribes: String?
    @Option(help: ArgumentHelp("Event types a service of your own publishes, separated by commas.", valueName: "types"))
    var publishes: String?
    @Option(help: ArgumentHelp("The delays that have a queue, as in 1s,5s,30s.", valueName: "delays"))
    var rungs: String?

    /// The services, as their workers describe them.
    func endpoints() throws -> [EndpointDescription] {
        guard let service else {
            guard subscribes == nil, publishes == nil else {
                throw ToolError(
                    "--subscribes and --publishes describe one service.", advice: "Name it with --service.",
                    exitCode: ExitStatus.usage)
            }
            return LoanServices.all
        }
        let name = try Self.checked { try ServiceName(validating: service) }
        if subscribes == nil, publishes == nil {
            guard let known = LoanServices.all.first(where: { $0.service == name }) else {
                throw ToolError(
                    "'\(name)' is not a service of the reference system.",
                    advice: "Describe it with --subscribes and --publishes.", exitCode: ExitStatus.usage)
            }
            return [known]
        }
        return [
            EndpointDescription(
                service: name, subscribes: try Self.types(subscribes), publishes: try Self.types(publishes))
        ]
    }

    /// What all of them need together.
    func topology() throws -> Topology {
        let options = TopologyOptions(rungs: try retryRungs())
        var all = Topology()
        for endpoint in try endpoints() {
            all.merge(Topology(endpoint, options: options))
        }
        return all
    }

    private func retryRungs() throws -> RetryRungs {
        guard let rungs else { return .default }
        let delays = try rungs.split(separator: ",").map { text in
            guard let delay = Duration(rungText: String(text)), delay >= .milliseconds(50) else {
                throw ToolError(
                    "'\(SafeText.line(String(text)))' is not a delay of at least 50ms.",
                    advice: "Write 500ms, 5s, 2m or 1h.",
                    exitCode: ExitStatus.usage)
            }
            return delay
        }
        guard !delays.isEmpty else { throw ToolError("--rungs names no delay.", exitCode: ExitStatus.usage) }
        return RetryRungs(delays)
    }

    private static func types(_ text: String?) throws -> [EventType] {
        try (text ?? "").split(separator: ",").map { type in
            try checked { try EventType(validating: String(type)) }
        }
    }

    private static func checked<T>(_ body: () throws -> T) throws -> T {
        do {
            return try body()
        } catch {
            throw ToolError("\(error)", exitCode: ExitStatus.usage)
        }
    }
}

extension Duration {
    /// Reads `500ms`, `5s`, `2m`, `1h`.
    init?(rungText text: String) {
        let units: [(String, Int64)] = [("ms", 1), ("s", 1_000), ("m", 60_000), ("h", 3_600_000)]
        guard
            let (unit, size) = units.first(where: { text.hasSuffix($0.0) && Int64(text.dropLast($0.0.count)) != nil }),
            let count = Int64(text.dropLast(unit.count)), count >= 0, count <= 86_400_000
        else { return nil }
        self = .milliseconds(count * size)
    }
}

/// `harebell topology show`.
struct TopologyShowCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "show",
        abstract: "What the services need, and the permissions their users need; asks no broker.",
        discussion: """
            Examples:
              harebell topology show
              harebell topology show --service audit --subscribes loan.paid-out
            """)

    @OptionGroup var selection: TopologySelection
    @OptionGroup var output: OutputOptions

    func run() async throws {
        let rows = TopologyRow.all(of: try selection.topology())
        try output.print(rows, name: \.name) { _ in
            var table = Table([.text("KIND"), .text("NAME"), .text("TYPE"), .text("DETAILS")])
            for row in rows { table.add([row.kind, row.name, row.type, row.details]) }
            return table
        }
        guard output.output == .table || output.output == .wide else { return }
        Terminal.out("")
        Terminal.out("Permissions (configure, write, read)")
        for endpoint in try selection.endpoints() {
            let declaring = BrokerPermissions(declaring: endpoint)
            Terminal.out("  \(endpoint.service), declaring:  \(declaring)")
            let running = BrokerPermissions(running: endpoint)
            Terminal.out("  \(endpoint.service), otherwise:  \(running)")
        }
    }
}

/// `harebell topology apply`.
struct TopologyApplyCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "apply",
        abstract: "Create what is missing. Nothing is deleted or changed.",
        discussion: """
            Examples:
              harebell topology apply --dry-run
              harebell topology apply --service partner
            """)

    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var selection: TopologySelection
    @Flag(help: "Say what would be created; needs the management API.")
    var dryRun = false

    func run() async throws {
        let topology = try selection.topology()
        let management = try connection.target().management
        if dryRun, management == nil { throw TopologyVerifyCommand.needsManagement }
        let before = try await management?.observedTopology()
        let missing = before.map { topology.differences(from: $0).filter { $0.kind == .missing } }
        if dryRun {
            for difference in missing ?? [] { Terminal.out(difference.description) }
            Terminal.note("\(missing?.count ?? 0) would be created.")
            return
        }
        do {
            try await connection.withConnection { connection in
                try await topology.apply(on: connection, logger: Tool.logger)
            }
        } catch let error as TopologyError {
            // Field by field, where the management API can be asked.
            if let observed = try await management?.observedTopology() {
                for difference in topology.differences(from: observed) where difference.kind != .extra {
                    Terminal.note(difference.description)
                }
            }
            throw error
        }
        for difference in missing ?? [] { Terminal.out(difference.description) }
        let count = missing.map { "\($0.count)" } ?? "-"
        Terminal.note(
            "✔ applied: \(topology.exchanges.count) exchanges, \(topology.queues.count) queues, "
                + "\(topology.bindings.count) bindings; \(count) created")
    }
}

/// `harebell topology verify`.
struct TopologyVerifyCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "verify",
        abstract: "Compare what the broker has with what the services need, field by field.",
        discussion: """
            + is missing, - nobody asked for, ~ differs and cannot be changed in place, ! differs and may.
            Exit code 7 when there are differences.
            """)

    static let needsManagement = ToolError(
        "Arguments and bindings can only be read through the management API.",
        advice: "Set HAREBELL_MANAGEMENT=https://host:15672, or pass --management.", exitCode: ExitStatus.usage)

    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var selection: TopologySelection

    func run() async throws {
        guard let management = try connection.target().management else { throw Self.needsManagement }
        let topology = try selection.topology()
        let differences = topology.differences(from: try await management.observedTopology())
        for difference in differences { Terminal.out(SafeText.line(difference.description, limit: 1_000)) }
        let counts: [(TopologyDifference.Kind, String)] = [
            (.missing, "missing"), (.mismatch, "different"), (.extra, "extra"), (.tolerated, "tolerated"),
        ]
        let summary = counts.map { kind, word in "\(differences.filter { $0.kind == kind }.count) \(word)" }
        guard differences.contains(where: { $0.kind != .tolerated }) else {
            Terminal.note("✔ the broker has what is needed (\(topology.queues.count) queues)")
            return
        }
        Terminal.note(summary.joined(separator: ", "))
        throw ExitStatus.differences
    }
}

/// One line of a topology.
struct TopologyRow: Encodable {
    let kind: String
    let name: String
    let type: String
    let details: String

    static func all(of topology: Topology) -> [TopologyRow] {
        topology.exchanges.map { exchange in
            TopologyRow(
                kind: "exchange", name: exchange.name, type: exchange.type.name,
                details: arguments(exchange.arguments))
        }
            + topology.queues.map { queue in
                TopologyRow(
                    kind: "queue", name: queue.name, type: "quorum",
                    details: arguments(queue.arguments, without: ["x-queue-type"]))
            }
            + topology.bindings.map { binding in
                TopologyRow(
                    kind: "binding", name: "\(binding.exchange) -> \(binding.queue)", type: "",
                    details: binding.routingKey.isEmpty ? "" : "key \(binding.routingKey)")
            }
    }

    private static func arguments(_ table: FieldTable, without hidden: Set<String> = []) -> String {
        table.filter { !hidden.contains($0.0) }
            .map { name, value in
                "\(name.hasPrefix("x-") ? String(name.dropFirst(2)) : name)=\(value.plainText)"
            }
            .joined(separator: " ")
    }
}
