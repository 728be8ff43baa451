import AMQP
import HarebellDevelopment
import HarebellHost
import HarebellOperations

/// A broker: how to reach it, and where its management API is.
struct BrokerTarget {
    let configuration: AMQPConfiguration
    let management: ManagementAPI?

    /// Resolves flag over environment over file, as every service does; without an address, a `harebell dev` that
    /// runs in this directory.
    ///
    /// - Throws: ``SettingsProblems``, or ``ToolError`` when no broker is named.
    static func resolve(
        flags: [String: String?], file: String? = nil, environment: [String: String]
    ) async throws -> BrokerTarget {
        let sources = try await SettingsSources(flags: flags, environment: environment, file: file)
        let given = try sources.read { reader in
            (
                isNamed: reader.string("url") != nil, connection: ConnectionSettings.read(&reader),
                management: reader.string("management"), caFile: reader.string("caFile")
            )
        }
        let running = given.isNamed ? nil : try? DevelopmentControl()
        guard given.isNamed || running != nil, var configuration = given.connection else {
            throw ToolError(
                "No broker is named, and no 'harebell dev' runs in this directory.",
                advice: "Set HAREBELL_URL=amqps://user:password@host/vhost, or start 'harebell dev'.",
                exitCode: ExitStatus.usage)
        }
        if let running { configuration = try AMQPConfiguration(uri: running.brokerURL) }
        configuration.connectionName = "harebell-tool"
        let api = try (given.management ?? running?.managementURL).map {
            try ManagementAPI(
                url: $0, credentials: configuration.credentials, virtualHost: configuration.virtualHost,
                caFile: given.caFile)
        }
        return BrokerTarget(configuration: configuration, management: api)
    }
}
