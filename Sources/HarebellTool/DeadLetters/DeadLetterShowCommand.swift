import AMQP
import ArgumentParser
import HarebellOperations
import HarebellRabbitMQ

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// `harebell dlq show`.
struct DeadLetterShowCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "show",
        abstract: "Explain one dead letter: reason, error, history, content.",
        discussion: """
            The id may be shortened to its first characters, as long as it is the only one.

            Examples:
              harebell dlq show 0199c3a1
              harebell dlq show 0199c3a1 --headers --body
            """)

    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var services: ServiceOptions

    @Flag(help: "Print the body, which may hold personal data.")
    var body = false
    @Flag(help: "Print all headers.")
    var headers = false
    @Option(name: [.customShort("o"), .long], help: "text or json.")
    var output: Format = .text

    @Argument(help: "The event's id, or the beginning of it.")
    var id: String

    enum Format: String, ExpressibleByArgument, CaseIterable {
        case text
        case json
    }

    func run() async throws {
        var found: [(letter: DeadLetter, queue: DeadLetterQueue)] = []
        var position = (index: 0, total: 0)
        var limits: [String] = []
        try await connection.withConnection { connection in
            try await services.eachQueue(on: connection) { queue in
                let listing = try await queue.list()
                for (index, letter) in listing.letters.enumerated() where letter.id?.hasPrefix(id) ?? false {
                    found.append((letter, queue))
                    position = (index + 1, listing.total)
                }
                if listing.looked < listing.total {
                    limits.append("the first \(listing.looked) of \(listing.total) in \(queue.name)")
                }
            }
        }
        guard let (letter, queue) = found.first else {
            throw ToolError(
                "No dead letter has an id that begins with '\(SafeText.line(id, limit: 60))'"
                    + (limits.isEmpty ? "." : ", among \(limits.joined(separator: ", "))."),
                advice: "See 'harebell dlq list'.", exitCode: ExitStatus.notFound)
        }
        guard Set(found.map(\.letter.id)).count == 1 else {
            throw ToolError(
                "\(found.count) dead letters have ids that begin with '\(SafeText.line(id, limit: 60))'.",
                advice: "Give more of it.", exitCode: ExitStatus.usage)
        }
        switch output {
        case .json:
            Terminal.out(try JSONOutput.text(DeadLetterRow(letter, queue: queue.name), isPretty: true))
        case .text:
            let lines = Self.explain(
                letter, queue: queue.name, position: position, showsHeaders: headers, showsBody: body)
            for line in lines { Terminal.out(line) }
            if found.count > 1 {
                Terminal.out(
                    "Others      \(found.count - 1) more with this id, in \(found.dropFirst().map(\.queue.name).joined(separator: ", "))"
                )
            }
            Terminal.out("")
            let option =
                switch queue.kind {
                case .service(let service): "--service \(service)"
                case .unrouted: "--unrouted"
                }
            Terminal.out("Next:  harebell dlq replay \(SafeText.line(letter.id ?? "")) \(option)")
        }
    }

    static func explain(
        _ letter: DeadLetter, queue: String, position: (index: Int, total: Int), showsHeaders: Bool, showsBody: Bool,
        now: Date = .init()
    ) -> [String] {
        var lines: [String] = []
        func line(_ title: String, _ value: String?) {
            guard let value else { return }
            lines.append(title.padding(to: 12) + SafeText.line(value, limit: 4_096))
        }
        func moment(_ date: Date?) -> String? {
            date.map { "\($0.formatted(.iso8601)) (\(Units.age(of: $0, now: now)) ago)" }
        }
        lines.append("Dead letter \(position.index) of \(position.total) in \(SafeText.line(queue))")
        line("Event", [letter.id, letter.type].compactMap(\.self).joined(separator: "  "))
        line("Correlation", letter.correlationID)
        line("Reason", "\(letter.reason): \(letter.explanation)")
        line("Error", letter.errorType.map { type in letter.errorMessage.map { "\(type): \($0)" } ?? type })
        line("Attempts", String(letter.attempts))
        line("First", moment(letter.firstFailedAt))
        line("Failed", moment(letter.failedAt))
        line("Handler", letter.handler)
        line("Service", letter.service)
        line("Host", letter.host)
        line("Origin", letter.originExchange.map { "exchange \($0)" })
        line("Replays", String(letter.replayCount))
        line("Body", "\(letter.properties?.contentType ?? "no content type"), \(Units.size(letter.bodySize))")
        if showsHeaders, let properties = letter.properties {
            lines.append("Headers")
            for (name, value) in properties.headers {
                lines.append("  \(SafeText.line(name)): \(SafeText.line(value.displayText, limit: 1_024))")
            }
        }
        if showsBody {
            lines.append("")
            lines.append(SafeText.block(String(decoding: letter.body, as: UTF8.self)))
        }
        return lines
    }
}

extension String {
    fileprivate func padding(to width: Int) -> String {
        self + String(repeating: " ", count: Swift.max(0, width - count))
    }
}

extension FieldValue {
    /// A header's value as an operator reads it.
    fileprivate var displayText: String {
        switch self {
        case .float(let value): String(value)
        case .double(let value): String(value)
        case .timestamp(let seconds):
            Date(timeIntervalSince1970: Double(min(seconds, 253_402_300_799))).formatted(.iso8601)
        case .bytes(let bytes): "\(bytes.count) bytes"
        case .array(let values): "[\(values.prefix(32).map(\.displayText).joined(separator: ", "))]"
        case .table(let table): "{\(table.prefix(32).map { "\($0.0): \($0.1.displayText)" }.joined(separator: ", "))}"
        case .decimal(let scale, let value): "\(value)e-\(scale)"
        case .void: "void"
        default: plainText
        }
    }
}
