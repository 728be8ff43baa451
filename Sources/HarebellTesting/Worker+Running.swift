public import Harebell
import Logging
import ServiceLifecycle

extension Worker {
    /// Runs the worker for the time of the body, then shuts it down gracefully and waits for its end.
    ///
    /// An error of the worker ends the body; an error of the body ends the worker.
    public func running<Result: Sendable>(
        _ body: @escaping @Sendable () async throws -> Result
    ) async throws -> Result {
        let services = ServiceGroup(services: [self], logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
        return try await withThrowingTaskGroup(of: Result?.self) { group in
            group.addTask {
                try await services.run()
                return nil
            }
            group.addTask { try await body() }
            defer { group.cancelAll() }
            var result: Result?
            while let ended = try await group.next() {
                guard let ended else { continue }
                result = ended
                await services.triggerGracefulShutdown()
            }
            guard let result else { throw CancellationError() }
            return result
        }
    }
}
