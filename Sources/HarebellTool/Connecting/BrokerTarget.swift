import AMQP
import HarebellDevelopment
import HarebellOperations

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// A broker: how to reach it, and where its management API is.
struct BrokerTarget {
    let configuration: AMQPConfiguration
    let management: ManagementAPI?

    /// Resolves flag over environment over a running `harebell dev` in this directory.
    static func resolve(
        url: String?, management: String?, passwordFile: String?, caFile: String?, environment: [String: String]
    ) throws -> BrokerTarget {
        var address = url ?? environment["HAREBELL_URL"]
        var managementAddress = management ?? environment["HAREBELL_MANAGEMENT"]
        if address == nil, let running = try? DevelopmentControl() {
            address = running.brokerURL
            managementAddress = managementAddress ?? running.managementURL
        }
        guard let address else {
            throw ToolError(
                "No broker is named, and no 'harebell dev' runs in this directory.",
                advice: "Set HAREBELL_URL=amqps://user:password@host/vhost, or start 'harebell dev'.",
                exitCode: ExitStatus.usage)
        }
        var configuration: AMQPConfiguration
        do {
            configuration = try AMQPConfiguration(uri: address)
        } catch {
            throw ToolError("The broker's address is wrong: \(error.message)", exitCode: ExitStatus.usage)
        }
        if let url, carriesPassword(url) {
            throw ToolError(
                "The password in --url can be read by every user of this machine.",
                advice: "Set HAREBELL_URL instead, or leave the password out and pass --password-file.",
                exitCode: ExitStatus.usage)
        }
        if let file = passwordFile ?? environment["HAREBELL_PASSWORD_FILE"],
            case .plain(let username, _) = configuration.credentials
        {
            configuration.credentials = .plain(username: username, password: try read(passwordFile: file))
        }
        if let file = caFile ?? environment["HAREBELL_CA_FILE"] {
            configuration.tls = configuration.tls ?? TLSOptions()
            configuration.tls?.caFile = file
        }
        configuration.connectionName = "harebell tool"
        let api = try managementAddress.map {
            try ManagementAPI(
                url: $0, credentials: configuration.credentials, virtualHost: configuration.virtualHost,
                caFile: caFile ?? environment["HAREBELL_CA_FILE"])
        }
        return BrokerTarget(configuration: configuration, management: api)
    }

    /// Whether the user information of an address holds a password.
    private static func carriesPassword(_ address: String) -> Bool {
        guard let scheme = address.firstRange(of: "://") else { return false }
        let authority = address[scheme.upperBound...].prefix { $0 != "/" && $0 != "?" }
        guard let at = authority.lastIndex(of: "@") else { return false }
        return authority[..<at].contains(":")
    }

    private static func read(passwordFile path: String) throws -> String {
        guard let data = FileManager.default.contents(atPath: path) else {
            throw ToolError("The password file '\(path)' cannot be read.", exitCode: ExitStatus.usage)
        }
        var text = String(decoding: data, as: UTF8.self)
        while let last = text.last, last.isNewline { text.removeLast() }
        return text
    }
}
