import Hummingbird
import Logging
import NIOCore

/// An HTTP server on 127.0.0.1 that runs until it is stopped.
final class LoopbackServer: Sendable {
    let port: Int
    /// Runs the server; `stop()` cancels and awaits it.
    private let running: Task<Void, Never>

    private init(port: Int, running: Task<Void, Never>) {
        self.port = port
        self.running = running
    }

    deinit { running.cancel() }

    /// Listens on the port, or on a free one for 0, and answers every request by `respond`.
    static func start(
        port: Int, logger: Logger, respond: @escaping @Sendable (Request, BasicRequestContext) async throws -> Response
    ) async throws -> LoopbackServer {
        let listening = OneShot<Result<Int, any Error>>()
        var quiet = logger
        quiet.logLevel = max(logger.logLevel, .warning)
        let application = Application(
            responder: CallbackResponder(callback: respond),
            configuration: .init(address: .hostname("127.0.0.1", port: port)),
            onServerRunning: { channel in listening.set(.success(channel.localAddress?.port ?? 0)) }, logger: quiet)
        let running = Task {
            do {
                try await application.run()
                listening.set(.failure(CancellationError()))
            } catch {
                listening.set(.failure(error))
            }
        }
        guard let result = await listening.value() else {
            running.cancel()
            throw CancellationError()
        }
        return LoopbackServer(port: try result.get(), running: running)
    }

    /// Closes the port and every connection.
    func stop() async {
        running.cancel()
        await running.value
    }
}
