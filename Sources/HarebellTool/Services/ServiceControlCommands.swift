import ArgumentParser
import HarebellOperations

/// Which services a command is for, and how the result is printed.
struct ServiceControlOptions: ParsableArguments {
    @OptionGroup var status: StatusOptions
    @OptionGroup var output: OutputOptions
    @Flag(help: "Every service that is found.")
    var all = false
    @Argument(help: "The services.", completion: StatusOptions.completion)
    var services: [String] = []

    func validate() throws {
        guard all != !services.isEmpty else {
            throw ValidationError("Name the services, or pass --all; not both.")
        }
    }

    /// Tells the services something and prints how they are then.
    ///
    /// - Throws: ``ExitStatus/partial`` when some could not be told, ``ExitStatus/unreachable`` when none could.
    func tell(_ command: ServiceCommand) async throws {
        let directory = try await status.directory()
        let rows = try ServiceSelection(names: services).rows(of: try await directory.rows())
        var problems: [(row: ServiceRow, text: String)] = []
        var told: [ServiceRow] = []
        for row in rows {
            guard row.isControllable, let name = row.name, let address = row.address else {
                problems.append((row, row.problem ?? row.state))
                continue
            }
            do {
                let port = try StatusPort(url: address)
                try await port.send(command, to: name)
                let now = try await port.services().first { $0.name == name }
                told.append(now.map { ServiceRow($0, at: port.url) } ?? row)
            } catch {
                problems.append((row, error.message))
            }
        }
        try output.print(told, name: { $0.name ?? "-" }) { ServiceRow.table(told, isWide: $0) }
        for row in told where row.state == "draining" {
            Terminal.note(
                "\(SafeText.line(row.name ?? "-")) still finishes what is in hand: see 'harebell services list'")
        }
        for (row, text) in problems {
            Terminal.note("✘ \(SafeText.line(row.name ?? row.address ?? "-")): \(SafeText.line(text))")
        }
        guard problems.isEmpty else { throw told.isEmpty ? ExitStatus.unreachable : ExitStatus.partial }
    }
}

/// `harebell services pause`.
struct ServicesPauseCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "pause",
        abstract: "Take nothing until resumed; handlers that run finish, the rest goes back to its queue.",
        discussion: """
            Messages wait in the service's queue, in order and uncounted; other replicas take
            them, unless they are paused too. Not ready is what /readyz says meanwhile.

            Examples:
              harebell services pause email
              harebell services pause --all
            """)

    @OptionGroup var options: ServiceControlOptions

    func run() async throws { try await options.tell(.pause) }
}

/// `harebell services resume`.
struct ServicesResumeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "resume", abstract: "Take messages again, after a pause or a drain.",
        discussion: """
            Examples:
              harebell services resume email
              harebell services resume --all
            """)

    @OptionGroup var options: ServiceControlOptions

    func run() async throws { try await options.tell(.resume) }
}

/// `harebell services drain`.
struct ServicesDrainCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "drain",
        abstract: "Take nothing until resumed, but finish all that is in hand.",
        discussion: """
            Waits up to 5 s. A service that is then 'draining' goes on by itself, and is
            'paused' when nothing is in hand.

            Examples:
              harebell services drain email
              harebell services drain --all -o json
            """)

    @OptionGroup var options: ServiceControlOptions

    func run() async throws { try await options.tell(.drain) }
}

/// `harebell services prefetch`.
struct ServicesPrefetchCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "prefetch",
        abstract: "Have so many messages in hand at a time, until the process ends.",
        discussion: """
            What is in hand stays there: after a smaller number there can be more for a while.
            For good, set HAREBELL_PREFETCH where the service is started.

            Examples:
              harebell services prefetch 50 email
              harebell services prefetch 1 --all
            """)

    @Argument(help: "How many messages, 1 to 65535.")
    var number: Int
    @OptionGroup var options: ServiceControlOptions

    func validate() throws {
        guard (1...65_535).contains(number) else { throw ValidationError("The prefetch is from 1 to 65535.") }
    }

    func run() async throws { try await options.tell(.prefetch(number)) }
}
