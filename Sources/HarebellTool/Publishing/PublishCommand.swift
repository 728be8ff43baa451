import AMQP
import ArgumentParser
import Harebell
import HarebellOperations
import LoanEvents

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// `harebell publish`.
struct PublishCommand: StoppableCommand {
    static let configuration = CommandConfiguration(
        commandName: "publish",
        abstract: "Publish an event, validated and confirmed.",
        discussion: """
            Says for each event what became of it: confirmed; confirmed, no subscriber (it is kept, see
            'harebell dlq list --unrouted'); or returned, when its exchange has neither a subscriber nor an
            alternate exchange.

            Examples:
              harebell publish loan.canceled --data @event.json
              echo '{…}' | harebell publish loan.paid-out --data -
              harebell publish loan.created --data @event.json --count 1000 --rate 50
            """)

    @OptionGroup var connection: ConnectionOptions

    @Argument(help: "The event's type, for example loan.paid-out.")
    var type: String

    @Option(
        name: .shortAndLong, help: ArgumentHelp("The event as JSON, @FILE, or - for standard input.", valueName: "json")
    )
    var data: String
    @Option(name: .shortAndLong, help: "How many events with this content, each with an id of its own.")
    var count = 1
    @Option(help: ArgumentHelp("Events per second at most.", valueName: "n"))
    var rate: Double?
    @Option(help: "The event's id; only for a single event.")
    var id: String?
    @Option(help: "The correlation id; the event's own id unless given.")
    var correlationID: String?
    @Option(help: "Events with the same key are handled in order; the content's own unless given.")
    var partitionKey: String?
    @Flag(help: "Publish a type that the tool does not know, unchecked.")
    var noValidate = false
    @Flag(help: "Check everything and publish nothing.")
    var dryRun = false

    func validate() throws {
        guard (1...10_000_000).contains(count) else { throw ValidationError("--count is between 1 and 10000000.") }
        if let rate, !(rate > 0 && rate <= 1_000_000) {
            throw ValidationError("--rate is above 0 and at most 1000000.")
        }
        if id != nil, count > 1 { throw ValidationError("--id is for a single event.") }
    }

    func run() async throws {
        let template = try EventTemplate(
            type: type, data: try await Self.read(data), isValidated: !noValidate, partitionKey: partitionKey)
        if dryRun {
            Terminal.note("✔ valid; \(count) would be published to \(template.type)")
            return
        }
        var unsubscribed = 0
        var returned = 0
        try await connection.withConnection { connection in
            let publication = try await EventPublication(connection: connection)
            let progress = Progress("publish", total: count)
            let started = ContinuousClock.now
            var sent = 0
            while sent < count {
                let size = Swift.min(count - sent, rate.map { Swift.max(1, Int($0 / 10)) } ?? 500)
                let envelopes = (0..<size).map { _ in template.envelope(id: id, correlationID: correlationID) }
                let outcomes: [EventPublication.Outcome]
                do {
                    // Not cancelled with us: what is on its way is confirmed first.
                    outcomes = try await Task { try await publication.publish(envelopes) }.value
                } catch {
                    if count > 1 { Terminal.note("\(sent - returned) confirmed before this:") }
                    if count == 1, let hint = Self.hint(error, envelopes[0].id) { Terminal.note(hint) }
                    throw error
                }
                for (envelope, outcome) in zip(envelopes, outcomes) {
                    switch outcome {
                    case .confirmed: break
                    case .confirmedWithoutSubscriber: unsubscribed += 1
                    case .returned: returned += 1
                    }
                    if count <= 100 { Terminal.out("\(envelope.id)  \(Self.words(outcome))") }
                }
                sent += size
                if count > 1 { progress.advance(by: size) }
                if let rate, sent < count {
                    try await Task.sleep(until: started + .milliseconds(Int64(Double(sent) / rate * 1_000)))
                }
                if sent < count { try Task.checkCancellation() }
            }
            if count > 1 { progress.finish() }
            await publication.close()
        }
        if count > 1 {
            Terminal.note(
                "\(count - returned) confirmed, of these \(unsubscribed) without a subscriber; \(returned) returned")
        }
        if returned > 0 { throw returned == count ? ExitStatus.failed : ExitStatus.partial }
    }

    /// What to know when nobody can tell whether the event was stored.
    static func hint(_ error: any Error, _ id: EventID) -> String? {
        guard let error = error as? AMQPError, [.timedOut, .connectionClosed, .cancelled].contains(error.code) else {
            return nil
        }
        return "It may have been published all the same. To try again as the same event: --id \(id)"
    }

    static func words(_ outcome: EventPublication.Outcome) -> String {
        switch outcome {
        case .confirmed: "confirmed"
        case .confirmedWithoutSubscriber: "confirmed, no subscriber"
        case .returned: "returned"
        }
    }

    /// The bytes that `--data` names.
    static func read(_ argument: String) async throws -> [UInt8] {
        if argument == "-" {
            // Byte for byte: a line that was read as text would be repaired where it is none.
            guard let input = await Interruption.whileReading({ Terminal.readInput() }) else {
                throw ToolError("Standard input cannot be read.", exitCode: ExitStatus.usage)
            }
            return input
        }
        guard argument.hasPrefix("@") else { return Array(argument.utf8) }
        let path = String(argument.dropFirst())
        guard let data = FileManager.default.contents(atPath: path) else {
            throw ToolError("'\(SafeText.line(path))' cannot be read.", exitCode: ExitStatus.usage)
        }
        return [UInt8](data)
    }
}

/// What an event of the command line is made of.
struct EventTemplate {
    let type: EventType
    private let data: [UInt8]
    private let partitionKey: String?
    private let subject: String?

    /// Checks the content against the type: it must be what a handler will decode.
    ///
    /// - Throws: ``ToolError`` that says what is wrong; nothing is published then.
    init(type name: String, data: [UInt8], isValidated: Bool, partitionKey: String?) throws {
        let known = LoanLifecycle.events.first { $0.eventType.rawValue == name }
        if known == nil, isValidated {
            let names = LoanLifecycle.events.map { $0.eventType.rawValue }
            throw ToolError(
                "'\(SafeText.line(name))' is not an event type the tool knows.",
                advice: "Known: \(names.joined(separator: ", ")). Pass --no-validate to publish it unchecked.",
                exitCode: ExitStatus.usage)
        }
        let event = try known.flatMap { try Self.event($0, from: data, isValidated: isValidated) }
        self.type = try Self.eventType(name)
        self.data = data
        self.partitionKey = partitionKey ?? event?.partitionKey
        self.subject = event?.subject
    }

    private static func eventType(_ name: String) throws -> EventType {
        do {
            return try EventType(validating: name)
        } catch {
            throw ToolError("\(error)", exitCode: ExitStatus.usage)
        }
    }

    private static func event(
        _ known: any Event.Type, from data: [UInt8], isValidated: Bool
    ) throws -> (any Event)? {
        do {
            return try decode(known, from: data, type: known.eventType)
        } catch {
            guard isValidated else { return nil }
            throw ToolError(
                "This is not a \(known.eventType): \(error)", advice: "Nothing was published.",
                exitCode: ExitStatus.usage)
        }
    }

    private static func decode<E: Event>(_ event: E.Type, from data: [UInt8], type: EventType) throws -> E {
        let envelope = Envelope(
            id: EventID("check"), type: type, source: "/harebell", time: Date(), correlationID: "check",
            producer: "harebell", body: data)
        return try envelope.decode(event)
    }

    /// An event of this content with an id of its own.
    func envelope(id: String?, correlationID: String?) -> Envelope {
        let id = id.map { EventID($0) } ?? .make()
        return Envelope(
            id: id, type: type, source: "/harebell", time: Date(), subject: subject, partitionKey: partitionKey,
            correlationID: correlationID ?? id.rawValue, producer: "harebell", body: data)
    }
}
