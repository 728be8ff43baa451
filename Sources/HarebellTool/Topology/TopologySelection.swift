import ArgumentParser
import Harebell
import HarebellHost
import HarebellRabbitMQ
import LoanEvents

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// Whose topology: the reference system's, or one service described by flags.
struct TopologySelection: ParsableArguments {
    @Option(help: ArgumentHelp("Only this service.", valueName: "name"))
    var service: String?
    @Option(
        help: ArgumentHelp("Event types a service of your own subscribes to, separated by commas.", valueName: "types"))
    var subscribes: String?
    @Option(help: ArgumentHelp("Event types a service of your own publishes, separated by commas.", valueName: "types"))
    var publishes: String?
    @Option(
        help: ArgumentHelp(
            "The delays that have a queue, as the services have them. [HAREBELL_RETRY_RUNGS] (default: 1s,5s,30s,2m,10m,1h)",
            valueName: "durations"))
    var retryRungs: String?

    /// The services, as their workers describe them.
    func endpoints() throws -> [EndpointDescription] {
        guard let service else {
            guard subscribes == nil, publishes == nil else {
                throw ToolError(
                    "--subscribes and --publishes describe one service.", advice: "Name it with --service.",
                    exitCode: ExitStatus.usage)
            }
            return LoanServices.all
        }
        let name = try Self.checked { try ServiceName(validating: service) }
        if subscribes == nil, publishes == nil {
            guard let known = LoanServices.all.first(where: { $0.service == name }) else {
                throw ToolError(
                    "'\(name)' is not a service of the reference system.",
                    advice: "Describe it with --subscribes and --publishes.", exitCode: ExitStatus.usage)
            }
            return [known]
        }
        return [
            EndpointDescription(
                service: name, subscribes: try Self.types(subscribes), publishes: try Self.types(publishes))
        ]
    }

    /// What all of them need together.
    ///
    /// - Parameter file: The file with settings that `--config` names, if the command has that.
    func topology(
        file: String? = nil, environment: [String: String] = ProcessInfo.processInfo.environment
    ) async throws -> Topology {
        let sources = try await SettingsSources(
            flags: ["retry.rungs": retryRungs], environment: environment, file: file)
        let options = TopologyOptions(rungs: try sources.read { RetrySettings.rungs(&$0) })
        var all = Topology()
        for endpoint in try endpoints() {
            all.merge(Topology(endpoint, options: options))
        }
        return all
    }

    private static func types(_ text: String?) throws -> [EventType] {
        try (text ?? "").split(separator: ",").map { type in
            try checked { try EventType(validating: String(type)) }
        }
    }

    private static func checked<T>(_ body: () throws -> T) throws -> T {
        do {
            return try body()
        } catch {
            throw ToolError("\(error)", exitCode: ExitStatus.usage)
        }
    }
}
