import ArgumentParser
import HarebellDevelopment
import HarebellHost

/// `harebell dev`.
struct DevCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "dev",
        abstract: "The whole reference system on this machine: broker, services, mail sink, partner.",
        discussion: """
            Everything listens on loopback ports of its own; nothing of a RabbitMQ
            that is installed here is touched. Ctrl-C stops everything and leaves no
            process behind. Data in .harebell/dev is kept for the next run.

            Examples:
              harebell dev
              harebell dev --reset              forget what earlier runs kept
              harebell dev --exit-after-demo    exit code 0 if all promises were kept

            From another terminal, in the same directory:
              harebell dev partner fail 20s
              harebell dev broker kill
              harebell dev status
            """,
        subcommands: [
            DevRunCommand.self, DevPartnerCommand.self, DevBrokerCommand.self, DevStatusCommand.self,
            DevURLCommand.self,
        ],
        defaultSubcommand: DevRunCommand.self)
}

/// `harebell dev partner`.
struct DevPartnerCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "partner",
        abstract: "How the partner answers from now on.",
        discussion: """
              ok               takes every report
              fail 20s         answers 503 for 20 s, or until told otherwise
              retry-after 5s   answers 429 with Retry-After
              reject           answers 422: the report is wrong
              hang             takes the request and never answers
            """)

    @Argument(help: "ok, fail, retry-after, reject or hang.")
    var behavior: String
    @Argument(help: "For how long, or after how long: 500ms, 20s, 2m.")
    var duration: String?

    func validate() throws {
        _ = try parsed()
    }

    private func parsed() throws -> PartnerBehavior {
        let time = try duration.map { text in
            guard let time = Duration(text: text), time > .zero else {
                throw ValidationError("'\(SafeText.line(text, limit: 40))' is not a time such as 20s.")
            }
            return time
        }
        switch (behavior, time) {
        case ("ok", nil): return .ok
        case ("fail", let time): return .fail(for: time)
        case ("retry-after", let time?): return .retryAfter(time)
        case ("reject", nil): return .reject
        case ("hang", nil): return .hang
        case ("retry-after", nil): throw ValidationError("Say after how long: harebell dev partner retry-after 5s")
        case ("ok", _), ("reject", _), ("hang", _): throw ValidationError("'\(behavior)' takes no time.")
        default:
            throw ValidationError("The partner knows ok, fail, retry-after, reject and hang.")
        }
    }

    func run() async throws {
        try await DevelopmentControl().setPartner(try parsed())
        Terminal.note("✔ the partner answers '\(behavior)\(duration.map { " \($0)" } ?? "")' from now on")
    }
}

/// `harebell dev broker`.
struct DevBrokerCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "broker",
        abstract: "Try failures: kill, start, freeze or thaw the private broker.")

    enum Action: String, ExpressibleByArgument, CaseIterable {
        case kill
        case start
        case freeze
        case thaw
    }

    @Argument(help: "kill, start, freeze or thaw.")
    var action: Action

    func run() async throws {
        let control = try DevelopmentControl()
        switch action {
        case .kill: try await control.killBroker()
        case .start: try await control.startBroker()
        case .freeze: try await control.freezeBroker()
        case .thaw: try await control.thawBroker()
        }
        let done: [Action: String] = [
            .kill: "killed; start it with 'harebell dev broker start'", .start: "started", .freeze: "frozen",
            .thaw: "thawed",
        ]
        Terminal.note("✔ the broker is \(done[action] ?? action.rawValue)")
    }
}

/// `harebell dev url`.
struct DevURLCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "url",
        abstract: "The private broker's address, for a program of your own; it holds the administrator's password.",
        discussion: """
            Example:
              HAREBELL_URL=$(harebell dev url) my-worker
            """)

    func run() async throws {
        Terminal.out(try DevelopmentControl().brokerURL)
    }
}

/// `harebell dev status`.
struct DevStatusCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "status", abstract: "What runs, and what the sink and the partner counted.")

    @OptionGroup var output: OutputOptions

    func run() async throws {
        let status = try await DevelopmentControl().status()
        try output.print([status], name: \.payoutURL) { _ in
            var table = Table([.text("WHAT"), .text("STATE")])
            table.add(["broker", status.isBrokerRunning ? "running" : "down"])
            for service in status.services {
                table.add([service.name, service.processID.map { "running, process \($0)" } ?? "down"])
            }
            table.add(["mails", "\(status.mails) in \(status.mailDirectory)"])
            let partner = status.partner
            table.add([
                "partner",
                "\(partner.accepted) of \(partner.requests) accepted, \(partner.duplicates) duplicates, "
                    + "\(partner.orderInversions) out of order, \(partner.badSignatures) bad signatures",
            ])
            table.add(["receipts", status.pdfDirectory])
            table.add(["payout API", status.payoutURL])
            return table
        }
    }
}
