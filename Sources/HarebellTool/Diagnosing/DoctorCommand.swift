import ArgumentParser
import HarebellOperations

/// `harebell doctor`.
struct DoctorCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "doctor",
        abstract: "What on the broker would lose messages or hold services up, and what to do about it.",
        discussion: """
            Looks for
              - length limits, from policies or arguments, on the queues of services: unless
                overflow is reject-publish, the broker drops the oldest messages of a full
                queue without a trace, dead letters too;
              - alarms of memory and disk, which stop all publishing;
              - queues that no leader serves;
              - what is missing between the exchanges and the queues of services;
              - events that no service subscribed to when they were published.
            Whether each service has the events it subscribes to, 'harebell topology verify'
            tells. Needs the management API, whose picture may be some seconds old; changes
            nothing.

            Exit code 1 when messages would be lost; with --strict for a warning too.

            Examples:
              harebell doctor
              harebell doctor --strict -o json
            """)

    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var output: OutputOptions
    @Flag(help: "Exit code 1 for a warning too.")
    var strict = false

    func run() async throws {
        guard let management = try await connection.target().management else {
            throw ToolError(
                "Policies and arguments can only be read through the management API.",
                advice: "Set HAREBELL_MANAGEMENT=https://host:15672, or pass --management.", exitCode: ExitStatus.usage)
        }
        let queues = try await Self.servedQueues(management)
        let findings =
            Finding.alarms(try await management.alarms()) + Finding.withoutLeader(queues)
            + Finding.lengthLimits(of: queues)
            + Finding.removals(of: queues)
            + Finding.missingRoutes(in: try await management.observedTopology())
            + Finding.unroutedEvents(in: queues, counted: await unroutedCount())
        if [.table, .wide].contains(output.output) {
            for line in Self.lines(findings) { Terminal.out(line) }
            Terminal.note(Self.summary(findings, queues: queues.count))
        } else {
            try output.print(findings, name: \.subject) { _ in Table([]) }
        }
        if findings.contains(where: { $0.severity == .failed || strict }) { throw ExitStatus.failed }
    }

    /// Every queue, when the leader of each has told of itself, or none has for longer than it takes.
    private static func servedQueues(_ management: ManagementAPI) async throws -> [QueueStatus] {
        let end = ContinuousClock.now + .seconds(10)
        while true {
            let queues = try await management.queues()
            if Finding.withoutLeader(queues).isEmpty || ContinuousClock.now > end { return queues }
            try await Task.sleep(for: .milliseconds(500))
        }
    }

    /// What the queue itself says; nil if it cannot be asked, and the management API has to do.
    private func unroutedCount() async -> Int? {
        try? await connection.withConnection { try await DeadLetterQueue(.unrouted, connection: $0).count() }
    }

    /// What is wrong and, below it, what to do.
    static func lines(_ findings: [Finding]) -> [String] {
        findings.flatMap { finding in
            [
                "\(finding.severity == .failed ? "✘" : "!") \(SafeText.line(finding.subject)): "
                    + SafeText.line(finding.problem, limit: 1_000),
                "  \(SafeText.line(finding.advice, limit: 1_000))",
            ]
        }
    }

    static func summary(_ findings: [Finding], queues: Int) -> String {
        let failed = findings.count { $0.severity == .failed }
        guard !findings.isEmpty else {
            return
                "✔ no alarm, every queue has a leader and no limit, nothing is missing, no event is known to be unrouted "
                + "(\(queues) queues)"
        }
        let warnings = findings.count - failed
        return "\(failed) failed, \(warnings) \(warnings == 1 ? "warning" : "warnings")"
    }
}
