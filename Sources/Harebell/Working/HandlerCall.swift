import Synchronization

/// One call of a handler, which can be cancelled from its first moment on, and so can nothing that follows it.
///
/// It runs where it is asked for, or in a task of its own. In place it costs no task, but a call that is cancelled there
/// uses its task up: see ``Shift/isUsedUp``.
///
/// Unchecked, for `UnsafeCurrentTask` is not sendable: `current` is touched under the lock only, and taken away before the
/// closure that it was lent to returns, so it is never used after that, nor after its task; and of it others only call
/// `cancel()`, which is among what they may call.
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

    /// Runs the call to its end in a task of its own; hears of the cancellation of the task that waits for it.
    ///
    /// That task begins where it is started and needs nobody else's turn.
    func resultInItsTask(of body: @escaping @Sendable () async throws -> Void) async -> Result<Void, any Error> {
        await withTaskCancellationHandler {
            if #available(macOS 26, iOS 26, tvOS 26, watchOS 26, visionOS 26, *) {
                await Task.immediate { await self.result(of: body) }.value
            } else {
                await Task { await self.result(of: body) }.value
            }
        } onCancel: {
            cancel()
        }
    }

    /// Runs the call to its end in the current task, and cancels that if it is cancelled.
    func result(of body: @Sendable () async throws -> Void) async -> Result<Void, any Error> {
        await unsafe withUnsafeCurrentTask { task in
            lock.withLock { _ in
                unsafe current = task
                if isCancelled { unsafe task?.cancel() }
            }
            defer { lock.withLock { _ in unsafe current = nil } }
            do {
                try await body()
                return .success(())
            } catch {
                return .failure(error)
            }
        }
    }
}
