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
    /// What a node of a cluster shares with the others; nil for one alone.
    var membership: ClusterMembership?

    var nodeName: String { membership?.name ?? "harebell@localhost" }
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
        if let membership {
            password = membership.password
            try prepare(membership)
        } else if let kept = files.contents(atPath: credentialsFile) {
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
        configuration += membership?.configuration ?? ""
        try writePrivate(configuration, to: directory + "/rabbitmq.conf")
        try writePrivate(membership?.advancedConfiguration ?? "[].\n", to: directory + "/advanced.config")
        let agent = membership == nil ? nil : "rabbitmq_management_agent"
        let plugins = [management ? "rabbitmq_management" : agent, tls == nil ? nil : BrokerTLS.plugin]
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
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": Self.loopback + (membership == nil ? "" : Self.clustered),
            "RABBITMQ_CTL_ERL_ARGS": Self.loopback,
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

    private static let loopback = "-kernel inet_dist_use_interface {127,0,0,1} -start_epmd false"
    /// The nodes of a cluster share the cores: none of them may wait for work by spinning.
    ///
    /// And they must notice within
    /// seconds that one of them is frozen: with Erlang's default of a minute, RabbitMQ 3.10 stores nothing meanwhile in
    /// a queue that the frozen node leads, through whichever node it is published.
    private static let clustered =
        " +sbwt none +sbwtdcpu none +sbwtdio none -kernel net_ticktime 4 -kernel net_setuptime 1"

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
        guard !files.fileExists(atPath: pluginsDirectory), let source = installation.plugins else { return }
        let wanted: Set = [
            "rabbitmq_prelaunch", "rabbitmq_management", "rabbitmq_management_agent", "rabbitmq_web_dispatch",
            BrokerTLS.plugin,
        ]
        try files.createDirectory(atPath: pluginsDirectory, withIntermediateDirectories: true)
        for name in try files.contentsOfDirectory(atPath: source.here) {
            let application = name.split(separator: "-").first.map(String.init) ?? name
            guard !application.hasPrefix("rabbitmq_") || wanted.contains(application), application != "README" else {
                continue
            }
            try files.createSymbolicLink(
                atPath: pluginsDirectory + "/" + name, withDestinationPath: source.there + "/" + name)
        }
    }

    /// Erlang nodes talk to those that know their cookie.
    ///
    /// It is read from the home directory, by its owner only.
    private func prepare(_ membership: ClusterMembership) throws {
        let file = directory + "/.erlang.cookie"
        guard !FileManager.default.fileExists(atPath: file) else { return }
        try writePrivate(membership.cookie, to: file)
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
        try await free(nodes: 1)[0]
    }

    /// The ports of nodes that share one port mapper.
    static func free(nodes: Int) async throws -> [BrokerPorts] {
        let ports = try await LoopbackPort.free(4 * nodes + 1)
        return (0..<nodes).map { node in
            BrokerPorts(
                amqp: ports[4 * node], distribution: ports[4 * node + 1], epmd: ports[4 * nodes],
                management: ports[4 * node + 2], tls: ports[4 * node + 3])
        }
    }
}

/// A random name or password of 32 letters and digits.
func randomToken(length: Int = 32) -> String {
    let alphabet = Array("abcdefghijklmnopqrstuvwxyz0123456789")
    var generator = SystemRandomNumberGenerator()
    return String((0..<length).map { _ in alphabet.randomElement(using: &generator) ?? "x" })
}
