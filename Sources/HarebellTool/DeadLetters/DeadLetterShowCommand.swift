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
        var isExact = false
        try await connection.withConnection { connection in
            try await services.eachQueue(on: connection) { queue in
                let listing = try await queue.list()
                for (index, letter) in listing.letters.enumerated() where letter.id?.hasPrefix(id) ?? false {
                    if letter.id == id, !isExact {
                        // Others have it as the beginning of theirs.
                        isExact = true
                        found = []
                    }
                    guard !isExact || letter.id == id else { continue }
                    if found.isEmpty { position = (index + 1, listing.total) }
                    found.append((letter, queue))
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
            let details = DeadLetterDetails(letter, queue: queue.name, showsHeaders: headers, showsBody: body)
            Terminal.out(try JSONOutput.text(details, isPretty: true))
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
            if let argument = letter.id.flatMap(SafeText.argument) {
                Terminal.out("Next:  harebell dlq replay \(argument) \(option)")
            } else {
                Terminal.out("Its id is not safe as an argument: only 'dlq replay --all \(option)' takes it along.")
            }
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
        line("Attempts", DeadLetterRow(letter, queue: queue).attempts.map(String.init) ?? "-")
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

/// A dead letter for machines: what the list says of it, and what was asked for besides.
struct DeadLetterDetails: Encodable {
    private let row: DeadLetterRow
    private let service: String?
    private let originExchange: String?
    private let headers: [String: String]?
    /// The body if it is text, else in Base64.
    private let body: String?
    private let bodyBase64: String?

    init(_ letter: DeadLetter, queue: String, showsHeaders: Bool, showsBody: Bool) {
        row = DeadLetterRow(letter, queue: queue)
        service = letter.service
        originExchange = letter.originExchange
        headers =
            showsHeaders
            ? (letter.properties?.headers ?? [:]).reduce(into: [:]) { $0[$1.0] = $1.1.displayText } : nil
        let text = String(validating: letter.body, as: UTF8.self)
        body = showsBody ? text : nil
        bodyBase64 = showsBody && text == nil ? Data(letter.body).base64EncodedString() : nil
    }

    private enum CodingKeys: CodingKey {
        case service, originExchange, headers, body, bodyBase64
    }

    func encode(to encoder: any Encoder) throws {
        try row.encode(to: encoder)
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encodeIfPresent(service, forKey: .service)
        try container.encodeIfPresent(originExchange, forKey: .originExchange)
        try container.encodeIfPresent(headers, forKey: .headers)
        try container.encodeIfPresent(body, forKey: .body)
        try container.encodeIfPresent(bodyBase64, forKey: .bodyBase64)
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
