import ArgumentParser
import HarebellOperations
import HarebellRabbitMQ

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// `harebell dlq list`.
struct DeadLetterListCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list",
        abstract: "What failed, oldest first, with its reason.",
        discussion: """
            Examples:
              harebell dlq list
              harebell dlq list --service partner --limit 20
              harebell dlq list --unrouted
              harebell dlq list -o name | head -1 | xargs harebell dlq show
            """)

    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var services: ServiceOptions
    @OptionGroup var output: OutputOptions

    @Option(name: .shortAndLong, help: "How many per service, at most 1000.")
    var limit = 100

    func validate() throws {
        guard (1...DeadLetterQueue.maximumHeld).contains(limit) else {
            throw ValidationError("--limit is between 1 and \(DeadLetterQueue.maximumHeld).")
        }
    }

    func run() async throws {
        var rows: [DeadLetterRow] = []
        var summaries: [String] = []
        var isPartial = false
        try await connection.withConnection { connection in
            try await services.eachQueue(on: connection) { queue in
                let listing: DeadLetterQueue.Listing
                do {
                    listing = try await queue.list(limit: limit)
                } catch OperationError.inUse(let name, let reader) where services.isSeveral {
                    Terminal.note("✘ \(OperationError.inUse(name, by: reader))")
                    isPartial = true
                    return
                }
                rows += listing.letters.map { DeadLetterRow($0, queue: queue.name) }
                if listing.total > 0 {
                    summaries.append("\(listing.letters.count) of \(listing.total) in \(queue.name)")
                }
            }
        }
        if rows.isEmpty, output.output == .table || output.output == .wide {
            Terminal.note(
                services.unrouted ? "No unrouted events." : "No dead letters\(isPartial ? " elsewhere" : "").")
            if isPartial { throw ExitStatus.partial }
            return
        }
        try output.print(rows, name: { $0.id ?? "" }) { Self.table(rows, isWide: $0) }
        if !summaries.isEmpty { Terminal.note("\(summaries.joined(separator: ", ")); oldest first.") }
        if isPartial { throw ExitStatus.partial }
    }

    static func table(_ rows: [DeadLetterRow], isWide: Bool, now: Date = .init()) -> Table {
        var columns: [Table.Column] = [
            .text("ID"), .text("FAILED"), .text("QUEUE"), .text("TYPE"), .text("REASON"), .number("ATTEMPTS"),
            .number("REPLAYS"), .number("SIZE"),
        ]
        if isWide { columns += [.text("HANDLER"), .text("HOST"), .text("CORRELATION")] }
        columns.append(.text("ERROR"))
        var table = Table(columns)
        for row in rows {
            var cells: [String?] = [
                row.id, row.failedAt.map { Units.age(of: $0, now: now) }, row.queue, row.type, row.reason,
                row.attempts.map(String.init), String(row.replays), Units.size(row.size),
            ]
            if isWide { cells += [row.handler, row.host, row.correlationID] }
            cells.append(row.error)
            table.add(cells)
        }
        return table
    }
}

/// A dead letter as it is listed.
struct DeadLetterRow: Encodable {
    let id: String?
    let queue: String
    let type: String
    let reason: String
    /// Nil when nobody counted: the broker moved it before it was called.
    let attempts: Int?
    let replays: Int
    let size: UInt64
    let firstFailedAt: Date?
    let failedAt: Date?
    let handler: String?
    let host: String?
    let correlationID: String?
    let errorType: String?
    let errorMessage: String?

    init(_ letter: DeadLetter, queue: String) {
        id = letter.id
        self.queue = queue
        type = letter.type
        reason = letter.reason.rawValue
        attempts = letter.isMovedByBroker && letter.attempts == 0 ? nil : letter.attempts
        replays = letter.replayCount
        size = letter.bodySize
        firstFailedAt = letter.firstFailedAt
        failedAt = letter.failedAt
        handler = letter.handler
        host = letter.host
        correlationID = letter.correlationID
        errorType = letter.errorType
        errorMessage = letter.errorMessage
    }

    /// Type and message of the error, as far as there is one.
    var error: String? {
        guard let errorType else { return errorMessage }
        return errorMessage.map { "\(errorType): \($0)" } ?? errorType
    }
}
