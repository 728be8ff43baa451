import Synchronization

/// One call of a handler in a task of its own, which can be cancelled from its first moment on.
///
/// The task begins where it is started and needs nobody else's turn, so a handler that awaits nothing costs no change of
/// tasks. Until it awaits something there is no handle to cancel it by; hence this one, which the call takes from inside.
///
/// Unchecked, for `UnsafeCurrentTask` is not sendable: `current` is touched under the lock only, and taken away by the task
/// itself before it ends, so it is never used after its task; `cancel()` is among what others may call on it.
@safe final class HandlerCall: @unchecked Sendable {
    private let lock = Mutex(())
    private var current: UnsafeCurrentTask?
    private var isCancelled = false

    /// Asks the call to end.
    func cancel() {
        lock.withLock { _ in
            isCancelled = true
            unsafe current?.cancel()
        }
    }

    /// Runs the call to its end; hears of the cancellation of the task that waits for it.
    func result(of body: @escaping @Sendable () async throws -> Void) async -> Result<Void, any Error> {
        await withTaskCancellationHandler {
            if #available(macOS 26, iOS 26, tvOS 26, watchOS 26, visionOS 26, *) {
                await Task.immediate { try await self.run(body) }.result
            } else {
                await Task { try await self.run(body) }.result
            }
        } onCancel: {
            cancel()
        }
    }

    private func run(_ body: () async throws -> Void) async throws {
        unsafe withUnsafeCurrentTask { task in
            lock.withLock { _ in
                unsafe current = task
                if isCancelled { unsafe task?.cancel() }
            }
        }
        defer { lock.withLock { _ in unsafe current = nil } }
        try await body()
    }
}
