import TestSupport

@testable import HarebellDevelopment

/// Runs one of the package's executables while `body` does, with nothing in its environment but ours and the settings.
func withServiceProcess<Result>(
    _ executable: String, settings: [String: String], in directory: String,
    _ body: (ServiceSupervisor) async throws -> Result
) async throws -> Result {
    let inherited = currentEnvironment().filter { !$0.key.hasPrefix("HAREBELL_") }
    let supervisor = ServiceSupervisor(
        [
            ServiceDescription(
                name: executable, executable: ownFolder() + "/" + executable,
                environment: inherited.merging(settings) { $1 }, directory: directory)
        ], grace: .seconds(5))
    return try await withThrowingTaskGroup(of: Void.self) { tasks in
        tasks.addTask { await supervisor.run() }
        defer { tasks.cancelAll() }
        return try await body(supervisor)
    }
}

/// A port on loopback that nobody uses.
func freePort() async throws -> Int { try await LoopbackPort.free(1)[0] }

extension ServiceSupervisor {
    /// The memory that a service's process holds, in KiB; nil where the system does not tell.
    func residentMemory(of service: String) -> Int? {
        guard let processID = processID(of: service) else { return nil }
        return residentKiB(of: processID)
    }
}
