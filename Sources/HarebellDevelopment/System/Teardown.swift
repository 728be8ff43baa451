import Synchronization

/// What must be stopped, in the reverse order of its start.
final class Teardown: Sendable {
    private let steps = Mutex<[@Sendable () async -> Void]>([])

    func add(_ step: @escaping @Sendable () async -> Void) { steps.withLock { $0.append(step) } }

    func run() async {
        let steps = steps.withLock { steps in
            defer { steps = [] }
            return steps
        }
        // To the end even when the task was cancelled, which is the usual way to end a development system.
        await Task {
            for step in steps.reversed() { await step() }
        }.value
    }
}
