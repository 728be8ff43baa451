#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

extension PrivateBroker {
    /// Evaluates an Erlang expression on the node and returns what `rabbitmqctl` prints.
    @discardableResult
    public func evaluate(_ expression: String) async throws -> String {
        try await control("eval", expression)
    }

    /// Runs `rabbitmqctl` on the node, as an operator would, and returns what it prints.
    ///
    /// For what neither AMQP nor the management API can do; it costs seconds of CPU.
    @discardableResult
    public func control(_ arguments: String...) async throws -> String {
        let tool = installation.server.replacing("/rabbitmq-server", with: "/rabbitmqctl")
        let command = installation.command(tool, ["--quiet", "-n", layout.nodeName] + arguments)
        let file = directory + "/rabbitmqctl-\(randomToken(length: 8)).out"
        defer { try? FileManager.default.removeItem(atPath: file) }
        let process = try ChildProcess.start(
            command.path, arguments: command.arguments, environment: layout.environment(installation),
            directory: directory, output: .file(file))
        let status = await process.waitForExit(within: .seconds(60))
        if status == nil { await process.terminate(grace: .zero) }
        let output = FileManager.default.contents(atPath: file).map { String(decoding: $0, as: UTF8.self) } ?? ""
        guard status == .exited(0) else {
            throw DevelopmentError(.requestFailed, "rabbitmqctl ended with \(status.map { "\($0)" } ?? "-"): \(output)")
        }
        return output
    }
}
