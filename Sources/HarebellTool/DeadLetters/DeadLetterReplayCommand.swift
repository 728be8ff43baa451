import AMQP
import ArgumentParser
import HarebellOperations
import HarebellRabbitMQ

/// `harebell dlq replay`.
struct DeadLetterReplayCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "replay",
        abstract: "Send dead letters to the failing service again.",
        discussion: """
            Only the failing service gets them: original bytes, original id, attempts starting over. Each copy is
            confirmed before its dead letter is removed; what fails again comes back as a new dead letter.
            With --unrouted, events are published again, and every service gets them that subscribes by now.

            Examples:
              harebell dlq replay 0199c3a1
              harebell dlq replay --all --service partner
              harebell dlq replay --all --service partner --dry-run
              harebell dlq replay --all --unrouted
            """)

    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var services: ServiceOptions

    @Flag(help: "Every dead letter that is there now.")
    var all = false
    @Flag(name: .shortAndLong, help: "Do not ask.")
    var yes = false
    @Flag(help: "Say what would be replayed, and do nothing.")
    var dryRun = false

    @Argument(help: "Ids, or the beginnings of at least 6 characters.")
    var ids: [String] = []

    func validate() throws {
        guard all != !ids.isEmpty else { throw ValidationError("Give ids, or --all; not both.") }
        if let short = ids.first(where: { $0.count < 6 }) {
            throw ValidationError("'\(SafeText.line(short))' is too short: at least 6 characters of an id.")
        }
    }

    func run() async throws {
        try await connection.withConnection { connection in
            var replayed = 0
            var unroutedAgain = 0
            var failed: [String] = []
            var wanted = Set(ids)
            try await services.eachQueue(on: connection) { queue in
                if all, !dryRun, !yes {
                    let count = try await queue.list().total
                    guard count > 0 else { return }
                    try Terminal.confirm(Self.question(count, queue.kind), flag: "--yes")
                }
                let bar = ProgressBox()
                let result = try await queue.replay(all ? .all : .ids(ids), dryRun: dryRun) { done, total in
                    bar.show(verb: "replay", done: done, total: total)
                }
                bar.finish()
                replayed += result.replayed.count
                failed += result.failed.map { "\($0.letter.id ?? "?"): \($0.error.message)" }
                wanted.formIntersection(result.notFound)
                for letter in result.replayed {
                    Terminal.out(
                        "\(SafeText.line(letter.id ?? "-"))  \(dryRun ? "would be replayed" : "replayed") to \(Self.target(of: letter, queue.kind))"
                    )
                }
                unroutedAgain += result.unroutedAgain
            }
            for line in failed { Terminal.note("✘ \(SafeText.line(line))") }
            for id in wanted.sorted() { Terminal.note("✘ no dead letter begins with '\(SafeText.line(id))'") }
            let verb = dryRun ? "would be replayed" : "replayed"
            if unroutedAgain > 0 {
                Terminal.note(
                    "✘ \(unroutedAgain) lie in 'unrouted' again: no service subscribes to them (see 'harebell topology verify')"
                )
            }
            let mark = failed.isEmpty && wanted.isEmpty && unroutedAgain == 0 ? "✔ " : ""
            Terminal.note("\(mark)\(replayed) \(verb), \(failed.count) failed")
            if !failed.isEmpty || unroutedAgain > 0 || (!wanted.isEmpty && replayed > 0) {
                throw replayed > 0 ? ExitStatus.partial : ExitStatus.failed
            }
            if !wanted.isEmpty { throw ExitStatus.notFound }
        }
    }

    private static func question(_ count: Int, _ kind: DeadLetterQueue.Kind) -> String {
        switch kind {
        case .service(let service): "Replay \(count) dead letters of \(service)?"
        case .unrouted: "Publish \(count) unrouted events again, for every service that subscribes to them?"
        }
    }

    private static func target(of letter: DeadLetter, _ kind: DeadLetterQueue.Kind) -> String {
        switch kind {
        case .service(let service): "\(service)"
        case .unrouted: "the subscribers of \(SafeText.line(letter.originExchange ?? letter.type))"
        }
    }
}
