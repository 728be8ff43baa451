import AMQP
import ArgumentParser
import Harebell
import HarebellOperations
import HarebellRabbitMQ
import LoanEvents

/// `harebell dlq`.
struct DeadLetterCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "dlq", abstract: "Look at dead letters, and replay them.",
        discussion: """
            Looking never removes, reorders or alters a message. Replay sends the original bytes, with the original
            id, to the failing service only; the dead letter is removed once the broker has confirmed the copy.

            With --unrouted it is about the events that were published while no service subscribed to them, which
            the broker keeps in 'unrouted'; replay publishes them again, for every service that subscribes by now.
            """,
        subcommands: [
            DeadLetterListCommand.self, DeadLetterShowCommand.self, DeadLetterReplayCommand.self,
        ])
}

/// Whose dead letters.
struct ServiceOptions: ParsableArguments {
    @Option(
        name: .shortAndLong,
        help: ArgumentHelp(
            "The service whose dead letters; may be repeated. The reference system's unless given.", valueName: "name"))
    var service: [String] = []

    @Flag(help: "Events that no service subscribed to when they were published, instead of dead letters.")
    var unrouted = false

    func validate() throws {
        guard !unrouted || service.isEmpty else {
            throw ValidationError("Unrouted events belong to no service: give --unrouted or --service, not both.")
        }
        for name in service {
            do {
                _ = try ServiceName(validating: name)
            } catch {
                throw ValidationError("'\(SafeText.line(name, limit: 60))' is not a service: \(error)")
            }
        }
    }

    /// Whether there is more than one queue to look at.
    var isSeveral: Bool { !unrouted && service.count != 1 }

    /// The services asked for, or those of the reference system.
    func services() throws -> [ServiceName] {
        guard service.isEmpty else { return try service.map { try ServiceName(validating: $0) } }
        return LoanServices.all.filter { !$0.subscribes.isEmpty }.map(\.service)
    }

    /// The dead-letter queues to look at.
    ///
    /// One that does not exist is passed over, unless it was asked for by name.
    func eachQueue(
        on connection: AMQPConnection, _ body: (DeadLetterQueue) async throws -> Void
    ) async throws {
        if unrouted { return try await body(DeadLetterQueue(.unrouted, connection: connection)) }
        var missing: [String] = []
        let services = try services()
        for service in services {
            let queue = DeadLetterQueue(service: service, connection: connection)
            do {
                try await body(queue)
            } catch OperationError.noSuchQueue(let name) where self.service.isEmpty && name == queue.name {
                missing.append(name)
            }
        }
        if missing.count == services.count {
            throw OperationError.noSuchQueue(missing.joined(separator: "', '"))
        }
    }
}
