import AMQP
import ArgumentParser
import Harebell
import HarebellHost
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
        let rows = TopologyRow.all(of: try await selection.topology())
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
        let topology = try await selection.topology(file: connection.broker.file)
        let management = try await connection.target().management
        if dryRun, management == nil { throw TopologyVerifyCommand.needsManagement }
        let before: ObservedTopology?
        if dryRun {
            before = try await management?.observedTopology()
        } else {
            // Applying does not need it, only the account of what was missing.
            before = try? await management?.observedTopology()
        }
        let missing = before.map { topology.differences(from: $0).filter { $0.kind == .missing } }
        if dryRun {
            for difference in missing ?? [] { Terminal.out(difference.description) }
            Terminal.note("\(missing?.count ?? 0) would be created.")
            let mismatches = before.map { topology.differences(from: $0).filter { $0.kind == .mismatch } } ?? []
            for mismatch in mismatches { Terminal.note("✘ \(SafeText.line(mismatch.description, limit: 1_000))") }
            if !mismatches.isEmpty {
                throw ToolError(
                    "\(mismatches.count) differ and cannot be changed in place: nothing would be applied.",
                    exitCode: ExitStatus.differences)
            }
            return
        }
        do {
            try await connection.withConnection { connection in
                try await topology.apply(on: connection, logger: Tool.logger)
            }
        } catch let error as TopologyError {
            // Field by field, where the management API can be asked.
            if let observed = try? await management?.observedTopology() {
                for difference in topology.differences(from: observed) where difference.kind != .extra {
                    Terminal.note(SafeText.line(difference.description, limit: 1_000))
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
        guard let management = try await connection.target().management else { throw Self.needsManagement }
        let topology = try await selection.topology(file: connection.broker.file)
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
