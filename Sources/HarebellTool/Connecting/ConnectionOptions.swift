import AMQP
import ArgumentParser
import HarebellHost
import HarebellOperations
import Logging

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// Which broker a command talks to.
struct ConnectionOptions: ParsableArguments {
    @OptionGroup var broker: BrokerOptions
    @Option(
        help: ArgumentHelp("The management API, as http[s]://host:port. [HAREBELL_MANAGEMENT]", valueName: "address"))
    var management: String?

    /// The broker's address and credentials, from flags, the environment, the file or a running `harebell dev`.
    func target() async throws -> BrokerTarget {
        let flags = broker.flags.merging(["management": management]) { own, _ in own }
        return try await BrokerTarget.resolve(
            flags: flags, file: broker.file, environment: ProcessInfo.processInfo.environment)
    }

    /// Connects, does something and closes.
    func withConnection<R: Sendable>(_ body: (AMQPConnection) async throws -> R) async throws -> R {
        let target = try await target()
        var configuration = target.configuration
        // No broker takes more: whatever lies in a queue can be looked at and replayed.
        configuration.maximumBodySize = 512 * 1024 * 1024
        let connection = try await AMQPConnection.connect(configuration, logger: Tool.logger)
        do {
            let result = try await body(connection)
            await connection.close()
            return result
        } catch OperationError.inUse(let queue, by: nil) {
            await connection.close(deadline: .seconds(1))
            let reader = try? await target.management?.reader(of: queue)
            throw OperationError.inUse(queue, by: reader.map { "the connection \(SafeText.line($0))" })
        } catch {
            await connection.close(deadline: .seconds(1))
            throw error
        }
    }
}

extension Tool {
    /// The tool's own log: only what no command reports by itself, on standard error.
    static let logger: Logger = {
        var logger = Logger(label: "harebell") { StreamLogHandler.standardError(label: $0) }
        logger.logLevel = .critical
        return logger
    }()
}
