import AMQP
import Curl
import TestSupport

@testable import HarebellDevelopment

/// The development system that the system tests of one process share: started by the first, gone with the process.
struct RunningSystem: Sendable {
    let system: DevelopmentSystem
    let journal: EventJournal
    let client: CurlClient

    /// Belongs to the process, not to the test that happened to come first.
    private static let started = Task { try await start(in: TemporaryDirectory.make(prefix: "harebell-system")) }

    /// The shared system, when all of it answers.
    static func shared() async throws -> RunningSystem { try await started.value }

    private static func start(in directory: String) async throws -> RunningSystem {
        let system = DevelopmentSystem(.init(directory: directory + "/dev"), logger: quietLogger)
        let journal = EventJournal()
        let events = system.events()
        let ready = OneShot<Result<Void, any Error>>()
        Task { for await event in events { journal.record(event) } }
        Task {
            do {
                try await system.run {
                    ready.set(.success(()))
                    // Until the process ends: its children do not outlive it.
                    _ = await OneShot<Void>().value()
                }
            } catch {
                ready.set(.failure(error))
            }
        }
        try await ready.value()?.get()
        return RunningSystem(system: system, journal: journal, client: try CurlClient())
    }

    /// The services that consume, by name.
    static let workers = ["email", "pdf", "partner"]

    /// The process ids of the services.
    func processIDs() throws -> [String: Int32] {
        let supervisor = try system.supervisor
        return supervisor.services.reduce(into: [:]) { $0[$1] = supervisor.processID(of: $1) }
    }

    /// Does something as the broker's administrator.
    func withBroker<R: Sendable>(_ body: (AMQPConnection) async throws -> R) async throws -> R {
        let connection = try await AMQPConnection.connect(
            AMQPConfiguration(uri: system.broker.url), logger: quietLogger)
        do {
            let result = try await body(connection)
            await connection.close()
            return result
        } catch {
            await connection.close()
            throw error
        }
    }

    /// Empties the dead-letter queues, so that a test finds only its own there.
    func purgeDeadLetters() async throws {
        try await withBroker { connection in
            let channel = try await connection.openChannel()
            for worker in Self.workers { try await channel.purgeQueue("\(worker).dead") }
        }
    }
}
