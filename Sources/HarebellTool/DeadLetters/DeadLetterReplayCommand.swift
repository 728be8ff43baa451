import AMQP
import ArgumentParser
import Harebell
import HarebellOperations
import HarebellRabbitMQ

/// `harebell dlq replay`.
struct DeadLetterReplayCommand: StoppableCommand {
    static let configuration = CommandConfiguration(
        commandName: "replay",
        abstract: "Send dead letters to the failing service again.",
        discussion: """
            Only the failing service gets them: original bytes, original id, attempts starting over. Each copy is
            confirmed before its dead letter is removed; what fails again comes back as a new dead letter.
            Each line is printed as soon as its copy is confirmed. What comes meanwhile is left alone.
            Of more than 10, one is sent ahead: unless its worker reports that it was handled, the others stay.
            Interrupted with Ctrl-C, it can be started again: what was replayed is gone from the queue.
            With --unrouted, events are published again, and every service gets them that subscribes by now.

            Examples:
              harebell dlq replay 0199c3a1
              harebell dlq replay --all --service partner
              harebell dlq replay --all --service partner --dry-run
              harebell dlq replay --all --service partner --canary 5 --rate 10
              harebell dlq replay --all --unrouted
            """)

    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var services: ServiceOptions
    @OptionGroup var options: ReplayOptions

    @Flag(help: "Every dead letter that is there now.")
    var all = false
    @Flag(name: .shortAndLong, help: "Do not ask.")
    var yes = false
    @Flag(help: "Say what would be replayed, and do nothing.")
    var dryRun = false

    @Argument(help: "Ids, or beginnings of at least 6 characters that only one has.")
    var ids: [String] = []

    func validate() throws {
        guard all != !ids.isEmpty else { throw ValidationError("Give ids, or --all; not both.") }
        if let short = ids.first(where: { $0.count < 6 }) {
            throw ValidationError("'\(SafeText.line(short))' is too short: at least 6 characters of an id.")
        }
    }

    func run() async throws {
        try await connection.withConnection { connection in
            let wanted = all ? nil : try await resolve(on: connection)
            var account = ReplayAccount(isDryRun: dryRun)
            account.notFound = wanted?.notFound ?? []
            account.wanted = wanted?.ids.values.reduce(into: []) { $0.formUnion($1) } ?? []
            do {
                try await services.eachQueue(on: connection) { queue in
                    guard var selection = try await selection(in: queue, wanted?.ids[queue.name, default: []], &account)
                    else { return }
                    if case .service(let service) = queue.kind, !dryRun {
                        guard let rest = try await sendCanary(of: selection, in: queue, service, &account) else {
                            return
                        }
                        selection = rest
                    }
                    try await replay(selection, in: queue, &account)
                }
            } catch {
                throw account.ended(by: error)
            }
            try account.end()
        }
    }

    private func replay(
        _ selection: DeadLetterQueue.Selection, in queue: DeadLetterQueue, _ account: inout ReplayAccount
    ) async throws {
        let bar = Terminal.isOutputTerminal ? nil : ProgressBox()
        defer { bar?.finish() }
        let result = try await queue.replay(selection, pace: .init(rate: options.rate), dryRun: dryRun) {
            letter, outcome in
            account.note(letter, outcome, target: Self.target(of: letter, queue.kind))
        } progress: { done, total in
            bar?.show(verb: "replay", done: done, total: total)
        }
        account.note(result, of: queue.name)
    }

    /// Sends the canary, if there is to be one, and says what is left to replay; nil if nothing, or if it is to stay.
    private func sendCanary(
        of selection: DeadLetterQueue.Selection, in queue: DeadLetterQueue, _ service: ServiceName,
        _ account: inout ReplayAccount
    ) async throws -> DeadLetterQueue.Selection? {
        guard let canary = options.canary(of: selection.count ?? .max) else { return selection }
        let (result, outcome) = try await queue.send(canary, of: selection) { letter, outcome in
            account.note(letter, outcome, target: "\(service), ahead of the others")
        }
        guard account.note(outcome, of: service, canary) else { return nil }
        if outcome == .nothingSent { account.note(result, of: queue.name) }
        let rest = selection.rest(after: result.replayed)
        return rest.count == 0 || outcome == .nothingSent ? nil : rest
    }

    /// What to replay of a queue, or nil if nothing: because there is nothing, or because that was the answer.
    private func selection(
        in queue: DeadLetterQueue, _ ids: Set<String>?, _ account: inout ReplayAccount
    ) async throws -> DeadLetterQueue.Selection? {
        if let ids { return ids.isEmpty ? nil : .ids(ids) }
        if dryRun { return .all }
        let count = try await queue.list(limit: 1).total
        guard !yes else { return .oldest(count) }
        guard count > 0 else { return nil }
        do {
            try await Terminal.confirm(Self.question(count, queue.kind), flag: "--yes")
        } catch let error as ToolError where error.exitCode == ExitStatus.cancelled {
            account.declined.append(queue.name)
            return nil
        }
        // What comes while the question stands was not asked for.
        return .oldest(count)
    }

    /// The ids that are meant: each beginning is of one event only.
    private func resolve(
        on connection: AMQPConnection
    ) async throws -> (ids: [String: Set<String>], notFound: [String]) {
        var seen: [String: Set<String>] = [:]
        var limits: [String] = []
        try await services.eachQueue(on: connection) { queue in
            let listing = try await queue.find(ids)
            seen[queue.name] = Set(listing.letters.compactMap(\.id))
            if listing.looked < listing.total {
                limits.append("the first \(listing.looked) of \(listing.total) in \(queue.name)")
            }
        }
        let all = seen.values.reduce(into: Set()) { $0.formUnion($1) }
        let (resolved, notFound) = try Self.resolve(ids, among: all, limits: limits)
        return (seen.mapValues { $0.intersection(resolved) }, notFound)
    }

    /// - Parameter limits: Where more lies than was looked at.
    static func resolve(
        _ beginnings: [String], among seen: Set<String>, limits: [String]
    ) throws -> (ids: Set<String>, notFound: [String]) {
        var resolved: Set<String> = []
        var notFound: [String] = []
        for beginning in beginnings {
            let matches = seen.contains(beginning) ? [beginning] : seen.filter { $0.hasPrefix(beginning) }
            let shown = SafeText.line(beginning, limit: 60)
            guard matches.count < 2 else {
                throw ToolError(
                    "\(matches.count) dead letters have ids that begin with '\(shown)'; nothing was done.",
                    advice: "Give more of it, or --all.", exitCode: ExitStatus.usage)
            }
            if matches.isEmpty {
                let looked = limits.isEmpty ? "" : ", among \(limits.joined(separator: ", "))"
                notFound.append("no dead letter begins with '\(shown)'\(looked)")
            }
            resolved.formUnion(matches)
        }
        return (resolved, notFound)
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
