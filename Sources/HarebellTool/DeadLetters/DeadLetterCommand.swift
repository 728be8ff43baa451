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

    func validate() throws {
        for name in service {
            do {
                _ = try ServiceName(validating: name)
            } catch {
                throw ValidationError("'\(SafeText.line(name, limit: 60))' is not a service: \(error)")
            }
        }
    }

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
        var missing: [String] = []
        let services = try services()
        for service in services {
            let queue = DeadLetterQueue(service: service, connection: connection)
            do {
                try await body(queue)
            } catch OperationError.noSuchQueue(let name) where self.service.isEmpty {
                missing.append(name)
            }
        }
        if missing.count == services.count {
            throw OperationError.noSuchQueue(missing.joined(separator: "', '"))
        }
    }
}
