import AMQP
import ArgumentParser
import HarebellOperations
import Logging

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// Which broker a command talks to.
struct ConnectionOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "The broker, as amqp[s]://user@host:port/vhost (HAREBELL_URL). No password here: other users can read it.",
            valueName: "url"))
    var url: String?

    @Option(
        help: ArgumentHelp(
            "The management API, as http[s]://host:port (HAREBELL_MANAGEMENT).", valueName: "url"))
    var management: String?

    @Option(help: ArgumentHelp("A file with the password (HAREBELL_PASSWORD_FILE).", valueName: "file"))
    var passwordFile: String?

    @Option(
        help: ArgumentHelp("A PEM file with the broker's certificate authority (HAREBELL_CA_FILE).", valueName: "file"))
    var caFile: String?

    /// The broker's address and credentials, from flags, the environment or a running `harebell dev`.
    func target() throws -> BrokerTarget {
        try BrokerTarget.resolve(
            url: url, management: management, passwordFile: passwordFile, caFile: caFile,
            environment: ProcessInfo.processInfo.environment)
    }

    /// Connects, does something and closes.
    func withConnection<R: Sendable>(_ body: (AMQPConnection) async throws -> R) async throws -> R {
        let target = try target()
        let connection = try await AMQPConnection.connect(target.configuration, logger: Tool.logger)
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
