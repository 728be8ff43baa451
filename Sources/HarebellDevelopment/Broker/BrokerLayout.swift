#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// The files of a private node and the environment that makes RabbitMQ use only them.
struct BrokerLayout: Sendable {
    let directory: String
    let ports: BrokerPorts
    let management: Bool
    var tls: BrokerTLS?

    var nodeName: String { "harebell@localhost" }
    var consoleFile: String { directory + "/console.log" }
    var logFile: String { directory + "/log/\(nodeName).log" }
    private var credentialsFile: String { directory + "/credentials" }
    private var pluginsDirectory: String { directory + "/plugins" }

    /// Writes configuration and credentials, all for the owner only, and returns the administrator's password.
    ///
    /// The password is made once per directory: the node keeps its users with its data.
    func prepare(_ installation: BrokerInstallation) throws -> String {
        let files = FileManager.default
        try files.createDirectory(
            atPath: directory, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
        let password: String
        if let kept = files.contents(atPath: credentialsFile) {
            password = String(decoding: kept, as: UTF8.self)
        } else {
            password = randomToken()
            try writePrivate(password, to: credentialsFile)
        }
        var configuration = """
            listeners.tcp.1 = 127.0.0.1:\(ports.amqp)
            default_user = \(Self.administrator)
            default_pass = \(password)
            default_user_tags.administrator = true
            collect_statistics_interval = 1000

            """
        if management {
            configuration += "management.tcp.ip = 127.0.0.1\nmanagement.tcp.port = \(ports.management)\n"
        }
        if let tls { configuration += tls.lines(port: ports.tls) }
        try writePrivate(configuration, to: directory + "/rabbitmq.conf")
        try writePrivate("[].\n", to: directory + "/advanced.config")
        let plugins = [management ? "rabbitmq_management" : nil, tls == nil ? nil : BrokerTLS.plugin]
        let enabled = plugins.compactMap { $0 }.joined(separator: ",")
        try writePrivate("[\(enabled)].\n", to: directory + "/enabled_plugins")
        try linkPlugins(installation)
        return password
    }

    /// The name of the administrator; there is no guest.
    static let administrator = "admin"

    /// The whole environment of the node: what it does not name here, the system's configuration cannot add.
    func environment(_ installation: BrokerInstallation) -> [String: String] {
        var environment = [
            "PATH": installation.searchPath, "HOME": directory, "LANG": "C.UTF-8",
            "RABBITMQ_CONF_ENV_FILE": directory + "/none", "RABBITMQ_BASE": directory,
            "RABBITMQ_NODENAME": nodeName, "RABBITMQ_DIST_PORT": "\(ports.distribution)",
            "RABBITMQ_MNESIA_BASE": directory + "/data", "RABBITMQ_LOG_BASE": directory + "/log",
            "RABBITMQ_PID_FILE": directory + "/pid", "RABBITMQ_ENABLED_PLUGINS_FILE": directory + "/enabled_plugins",
            "RABBITMQ_CONFIG_FILE": directory + "/rabbitmq", "RABBITMQ_CONFIG_FILES": directory + "/conf.d",
            "RABBITMQ_ADVANCED_CONFIG_FILE": directory + "/advanced.config",
            "RABBITMQ_FEATURE_FLAGS_FILE": directory + "/feature_flags",
            // Our own port mapper is there. A node that does not find it, because we are being killed at this moment,
            // would start another one that belongs to nobody.
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "-kernel inet_dist_use_interface {127,0,0,1} -start_epmd false",
            // The start script becomes the node instead of staying beside it: its process id is the node's.
            "RUNNING_UNDER_SYSTEMD": "1",
            "ERL_EPMD_PORT": "\(ports.epmd)", "ERL_EPMD_ADDRESS": "127.0.0.1",
            "ERL_CRASH_DUMP_SECONDS": "0", "ERL_CRASH_DUMP": directory + "/erl_crash.dump",
        ]
        if FileManager.default.fileExists(atPath: pluginsDirectory) {
            environment["RABBITMQ_PLUGINS_DIR"] = pluginsDirectory
        }
        return environment
    }

    /// The last lines that the node wrote, to its console and to its log.
    func lastLines(_ count: Int = 12) -> String {
        let lines = [consoleFile, logFile].flatMap { file in
            let text = FileManager.default.contents(atPath: file).map { String(decoding: $0, as: UTF8.self) } ?? ""
            return text.split(separator: "\n").suffix(count)
        }
        return lines.joined(separator: "\n")
    }

    /// A folder with links to the plugins that may be needed only: the node reads every plugin it finds at its
    /// start, and this saves a quarter of the time.
    private func linkPlugins(_ installation: BrokerInstallation) throws {
        let files = FileManager.default
        guard !files.fileExists(atPath: pluginsDirectory), let source = pluginsSource(installation) else { return }
        let wanted: Set = [
            "rabbitmq_prelaunch", "rabbitmq_management", "rabbitmq_management_agent", "rabbitmq_web_dispatch",
            BrokerTLS.plugin,
        ]
        try files.createDirectory(atPath: pluginsDirectory, withIntermediateDirectories: true)
        for name in try files.contentsOfDirectory(atPath: source) {
            let application = name.split(separator: "-").first.map(String.init) ?? name
            guard !application.hasPrefix("rabbitmq_") || wanted.contains(application), application != "README" else {
                continue
            }
            try files.createSymbolicLink(
                atPath: pluginsDirectory + "/" + name, withDestinationPath: source + "/" + name)
        }
    }

    private func pluginsSource(_ installation: BrokerInstallation) -> String? {
        let scripts = installation.server.split(separator: "/", omittingEmptySubsequences: false).dropLast()
        let source = scripts.dropLast().joined(separator: "/") + "/plugins"
        guard FileManager.default.fileExists(atPath: source) else { return nil }
        return source
    }

    private func writePrivate(_ text: String, to file: String) throws {
        let created = FileManager.default.createFile(
            atPath: file, contents: Data(text.utf8), attributes: [.posixPermissions: 0o600])
        guard created else { throw DevelopmentError(.startFailed, "cannot write \(file)") }
    }
}

/// The loopback ports of one node.
struct BrokerPorts: Sendable {
    let amqp: Int
    let distribution: Int
    let epmd: Int
    let management: Int
    let tls: Int

    static func free() async throws -> BrokerPorts {
        let ports = try await LoopbackPort.free(5)
        return BrokerPorts(
            amqp: ports[0], distribution: ports[1], epmd: ports[2], management: ports[3], tls: ports[4])
    }
}

/// A random name or password of 32 letters and digits.
func randomToken(length: Int = 32) -> String {
    let alphabet = Array("abcdefghijklmnopqrstuvwxyz0123456789")
    var generator = SystemRandomNumberGenerator()
    return String((0..<length).map { _ in alphabet.randomElement(using: &generator) ?? "x" })
}
