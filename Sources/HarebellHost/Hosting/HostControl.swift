import Harebell
import HarebellObservability

/// Commands to the workers of a process, all of them alike.
struct HostControl: Sendable {
    let workers: [any ControllableService]
    /// How long a command may take until it is answered; it goes on all the same.
    var patience: Duration = .seconds(5)

    /// Does what is asked and says what the workers are doing then: after a drain that takes longer, `draining`.
    func obey(_ command: StatusRoutes.Command) async throws -> String {
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                for worker in workers { try await worker.obey(command) }
            }
            group.addTask { try? await Task.sleep(for: patience) }
            defer { group.cancelAll() }
            try await group.next()
        }
        return workers.map { "\($0.service) \($0.state.rawValue), prefetch \($0.prefetch)" }.joined(separator: "; ")
    }
}

extension ControllableService {
    fileprivate func obey(_ command: StatusRoutes.Command) async throws {
        switch command {
        case .pause: await pause()
        case .resume: await resume()
        case .drain: await drain()
        case .prefetch(let number): try await setPrefetch(number)
        }
    }
}
