import ArgumentParser
import HarebellDevelopment

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// `harebell services`.
struct ServicesCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "services",
        abstract: "See and control the services that work on this machine.",
        discussion: """
            A service is reached through its status port, which it has when it was started
            with HAREBELL_STATUS_PORT. Those of a 'harebell dev' that runs in this directory
            are found by themselves. Nothing outlasts the process: a service that is started
            again takes messages.

            Examples:
              harebell services list
              harebell services pause email          messages wait in its queue
              harebell services drain --all          finish what is in hand
              harebell services resume email pdf
              harebell services prefetch 50 email
              harebell services list --status-url http://127.0.0.1:9464
            """,
        subcommands: [
            ServicesListCommand.self, ServicesPauseCommand.self, ServicesResumeCommand.self, ServicesDrainCommand.self,
            ServicesPrefetchCommand.self,
        ],
        defaultSubcommand: ServicesListCommand.self)
}

/// Where services are looked for.
struct StatusOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "A service's status port on this machine; may be repeated. [HAREBELL_STATUS_URL, separated by commas]",
            valueName: "address"))
    var statusURL: [String] = []

    /// What flags name, else what the environment does, else what `harebell dev` started.
    func directory(
        environment: [String: String] = ProcessInfo.processInfo.environment
    ) async throws -> ServiceDirectory {
        try await ServiceDirectory.find(addresses: addresses(environment: environment))
    }

    /// The addresses that are named, in their order and each once.
    func addresses(environment: [String: String]) -> [String] {
        let named =
            statusURL.isEmpty
            ? (environment["HAREBELL_STATUS_URL"] ?? "").split(separator: ",").map { part in
                String(part.filter { !$0.isWhitespace })
            } : statusURL
        return named.reduce(into: []) { all, address in if !all.contains(address) { all.append(address) } }
    }

    /// The names of the services that `harebell dev` runs here, for the shell.
    static let completion = CompletionKind.custom { _, _, _ in
        guard let status = try? await DevelopmentControl().status() else { return [] }
        return status.services.map(\.name)
    }
}

/// `harebell services list`.
struct ServicesListCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list",
        abstract: "The services that work here: what they do, what is in hand, how much they take.",
        discussion: """
            STATE is running, paused, draining (finishing what is in hand), broken (what it
            depends on is down), blocked (an outcome cannot be stored), starting or stopping;
            'unreachable', 'down' or 'no status port' where nobody says; 'no worker' for a
            process that only publishes. What is not known is '-'.

            Exit code 5 when no service answers.

            Examples:
              harebell services list
              harebell services list -o json
              harebell services list --status-url http://127.0.0.1:9464
            """)

    @OptionGroup var status: StatusOptions
    @OptionGroup var output: OutputOptions

    func run() async throws {
        let rows = try await status.directory().rows()
        try output.print(rows, name: { $0.name ?? $0.address ?? "-" }) { ServiceRow.table(rows, isWide: $0) }
        for row in rows {
            guard let problem = row.problem, !row.isReachable else { continue }
            Terminal.note("! \(SafeText.line(row.name ?? row.address ?? "-")): \(SafeText.line(problem))")
        }
        if !rows.contains(where: \.isReachable) { throw ExitStatus.unreachable }
    }
}
