import Foundation

@testable import HarebellDevelopment

extension PrivateBroker {
    /// Runs `rabbitmqctl` on the node, as an operator would.
    func control(_ arguments: String...) async throws {
        let installation = try BrokerInstallation.locate()
        let process = Process()
        process.executableURL = URL(fileURLWithPath: installation.server).deletingLastPathComponent()
            .appendingPathComponent("rabbitmqctl")
        process.arguments = arguments
        process.environment = layout.environment(installation)
        process.standardOutput = FileHandle.nullDevice
        process.standardError = FileHandle.nullDevice
        let status: Int32 = try await withCheckedThrowingContinuation { continuation in
            process.terminationHandler = { continuation.resume(returning: $0.terminationStatus) }
            do { try process.run() } catch { continuation.resume(throwing: error) }
        }
        guard status == 0 else {
            throw DevelopmentError(.requestFailed, "rabbitmqctl \(arguments.joined(separator: " ")): \(status)")
        }
    }
}
