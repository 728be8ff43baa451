import Harebell
import HarebellObservability

/// Commands to the workers of a process: to all of them, or to those of one service.
struct HostControl: Sendable {
    let workers: [any ControllableService]
    /// How long a command may take until it is answered; it goes on all the same.
    var patience: Duration = .seconds(5)

    /// The workers and how they are.
    var services: [ControlledService] {
        workers.map { worker in
            ControlledService(
                name: worker.service.rawValue, state: worker.state.rawValue, inHand: worker.messagesInHand,
                prefetch: worker.prefetch)
        }
    }

    /// Does what is asked and says what the workers are doing then: after a drain that takes longer, `draining`.
    ///
    /// - Parameter service: the service that is meant; nil for all of them.
    /// - Throws: ``StatusRoutes/NoSuchService``, and what a worker says against it.
    func obey(_ command: StatusRoutes.Command, service: String? = nil) async throws -> String {
        let meant = workers.filter { service == nil || $0.service.rawValue == service }
        if let service, meant.isEmpty {
            throw StatusRoutes.NoSuchService(service, known: workers.map(\.service.rawValue))
        }
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                for worker in meant { try await worker.obey(command) }
            }
            group.addTask { try? await Task.sleep(for: patience) }
            defer { group.cancelAll() }
            try await group.next()
        }
        return meant.map { "\($0.service) \($0.state.rawValue), prefetch \($0.prefetch)" }.joined(separator: "; ")
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
