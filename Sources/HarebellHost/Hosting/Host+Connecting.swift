import AMQP
import ArgumentParser
import Logging

extension Host {
    /// With `--fail-fast`: proves that the broker is there and lets us in, on a connection of its own.
    ///
    /// Without it a broker that is away or refuses is waited for: it may be starting, or be given our user just now.
    func checkConnection() async throws {
        guard settings.failsFast else { return }
        do throws(AMQPError) {
            let connection = try await AMQPConnection.connect(settings.connection, logger: logger)
            await connection.close()
        } catch {
            let code = Self.isRefusal(error) ? ExitStatus.refused : ExitStatus.unreachable
            logger.critical(
                code == ExitStatus.refused ? "the broker refused us" : "the broker cannot be reached", error: error,
                metadata: ["broker": "\(settings.connection)"])
            throw code
        }
    }

    /// The exit code for an error that ended the service.
    static func exitCode(for error: any Error) -> ExitCode {
        guard let error = error as? AMQPError else { return ExitStatus.failed }
        return isRefusal(error) ? ExitStatus.refused : ExitStatus.failed
    }

    /// Wrong credentials, or a virtual host that is not ours to enter (530) or use (403).
    private static func isRefusal(_ error: AMQPError) -> Bool {
        error.code == .authenticationRefused || error.replyCode == 530 || error.replyCode == 403
    }
}
