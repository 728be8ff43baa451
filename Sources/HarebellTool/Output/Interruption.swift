import ArgumentParser
import Dispatch
import Synchronization
import UnixSignals

/// A command that does many things one after the other: a signal lets it finish what is in hand and say how far it came.
protocol StoppableCommand: AsyncParsableCommand {}

/// What Ctrl-C and SIGTERM do.
enum Interruption {
    private static let isReading = Mutex(false)

    /// Reads from standard input, which no cancellation ends: a signal ends the process meanwhile, as nothing is in hand.
    ///
    /// On a thread of its own: with one processor the task that hears of signals would have none.
    static func whileReading<R: Sendable>(_ body: @escaping @Sendable () -> R) async -> R {
        isReading.withLock { $0 = true }
        defer { isReading.withLock { $0 = false } }
        return await withCheckedContinuation { continuation in
            DispatchQueue(label: "standard input").async { continuation.resume(returning: body()) }
        }
    }

    /// Runs `body`, and cancels it at the first signal; the second one ends the process at once.
    ///
    /// - Parameter note: What to say at the first signal.
    /// - Returns: What `body` returned, nil if a signal ended it.
    static func untilSignal<R: Sendable>(
        saying note: String, _ body: @escaping @Sendable () async throws -> R
    ) async throws -> R? {
        let signals = await UnixSignalsSequence(trapping: .sigint, .sigterm)
        let (interruptions, interrupted) = AsyncStream.makeStream(of: Void.self)
        return try await withThrowingTaskGroup(of: Void.self) { watching in
            watching.addTask {
                var count = 0
                for await _ in signals {
                    count += 1
                    if count > 1 || isReading.withLock({ $0 }) { Tool.exitNow(ExitStatus.interrupted) }
                    Terminal.note("\n\(note); once more to force")
                    interrupted.finish()
                }
            }
            defer { watching.cancelAll() }
            return try await withThrowingTaskGroup(of: R?.self) { tasks in
                tasks.addTask {
                    for await _ in interruptions {}
                    return nil
                }
                tasks.addTask { try await body() }
                defer { tasks.cancelAll() }
                if let result = try await tasks.next() ?? nil { return result }
                // A signal: whatever the cancelled body says is what was asked for, unless it was about to end anyway.
                tasks.cancelAll()
                return (try? await tasks.next()) ?? nil
            }
        }
    }
}
