import CSpawn

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

#if canImport(Darwin)
    import Darwin
#else
    import Glibc
#endif

/// Where RabbitMQ and Erlang's port mapper are installed: on this machine, or in a folder with another system's files.
struct BrokerInstallation: Sendable {
    /// RabbitMQ's own start script; not Debian's wrapper in `/usr/sbin`, which insists on the system-wide node.
    let server: String
    /// Erlang's port mapper.
    let epmd: String
    /// The folders in which `erl` and its tools are found, for the environment of the node.
    let searchPath: String
    /// A folder with the `/usr` and `/etc` of the system whose programs these are; nil for this system.
    var root: String?

    /// Looks where packages and Homebrew put them, then in `PATH`; or into the folder that `HAREBELL_BROKER_ROOT` names.
    ///
    /// `Ops/brokers` makes such folders.
    static func locate(
        environment: [String: String] = currentEnvironment(), packaged: [String] = ["/usr/lib/rabbitmq/bin"],
        brew: [String] = ["/opt/homebrew", "/usr/local", "/home/linuxbrew/.linuxbrew"]
    ) throws(DevelopmentError) -> BrokerInstallation {
        if let root = environment["HAREBELL_BROKER_ROOT"], !root.isEmpty {
            return try locate(in: absolutePath(root))
        }
        let path = (environment["PATH"] ?? "").split(separator: ":").map(String.init)
        let servers =
            [environment["HAREBELL_RABBITMQ_SERVER"] ?? ""] + packaged.map { $0 + "/rabbitmq-server" }
            + brew.map { $0 + "/opt/rabbitmq/sbin/rabbitmq-server" } + path.map { $0 + "/rabbitmq-server" }
        guard let server = servers.first(where: isExecutable) else {
            throw DevelopmentError(
                .notInstalled, "rabbitmq-server is not installed. Install it with:\n  \(installLine)")
        }
        let folders = ["/usr/bin", "/usr/sbin", "/bin", "/sbin"] + brew.map { $0 + "/bin" } + path
        guard let epmd = folders.map({ $0 + "/epmd" }).first(where: isExecutable) else {
            throw DevelopmentError(.notInstalled, "Erlang's epmd is not installed. Install it with:\n  \(installLine)")
        }
        var seen: Set<String> = []
        let searchPath = folders.filter { seen.insert($0).inserted }.joined(separator: ":")
        return BrokerInstallation(server: server, epmd: epmd, searchPath: searchPath)
    }

    private static func locate(in root: String) throws(DevelopmentError) -> BrokerInstallation {
        let installation = BrokerInstallation(
            server: "/usr/lib/rabbitmq/bin/rabbitmq-server", epmd: "/usr/bin/epmd",
            searchPath: "/usr/bin:/usr/sbin:/bin:/sbin", root: root)
        for program in [installation.server, installation.epmd] where !isExecutable(root + program) {
            throw DevelopmentError(.notInstalled, "\(root) holds no \(program). Make it with:\n  Ops/brokers make")
        }
        return installation
    }

    /// What to start for one of the programs, in the same process: its own path, or what makes the root's `/usr` and
    /// `/etc` those of this process before it becomes the program.
    ///
    /// Everything else stays this machine's, so paths mean the same inside and outside; and since the mounts belong to
    /// the process, they end with it.
    func command(_ program: String, _ arguments: [String] = []) -> (path: String, arguments: [String]) {
        guard let root else { return (program, arguments) }
        let asOwner = geteuid() == 0 ? [] : ["--map-root-user"]
        let mount = "mount --bind \"$0/etc\" /etc && mount --bind \"$0/usr\" /usr && exec \"$@\""
        return (
            "/usr/bin/unshare",
            ["--mount", "--propagation", "private"] + asOwner + ["/bin/sh", "-c", mount, root, program] + arguments
        )
    }

    /// The folder of RabbitMQ's plugins as this process sees it, and as the node does.
    var plugins: (here: String, there: String)? {
        let base = root ?? ""
        let script = URL(filePath: base + server).resolvingSymlinksInPath()
        let folder = script.deletingLastPathComponent().deletingLastPathComponent().appending(path: "plugins").path
        guard folder.hasPrefix(base), FileManager.default.fileExists(atPath: folder) else { return nil }
        return (folder, String(folder.dropFirst(base.count)))
    }

    /// The exact command that installs what is missing.
    static var installLine: String {
        #if os(macOS)
            "brew install rabbitmq"
        #else
            if isExecutable("/usr/bin/apt-get") {
                // Debian starts a system-wide broker on installation; a policy of 101 for the moment keeps it down.
                "sudo sh -c 'printf \"#!/bin/sh\\nexit 101\\n\" >/usr/sbin/policy-rc.d && chmod +x /usr/sbin/policy-rc.d; "
                    + "apt-get install -y --no-install-recommends rabbitmq-server; rm /usr/sbin/policy-rc.d'"
            } else if isExecutable("/usr/bin/dnf") {
                "sudo dnf install -y rabbitmq-server"
            } else if isExecutable("/sbin/apk") {
                "sudo apk add rabbitmq-server"
            } else {
                "see https://www.rabbitmq.com/docs/download for this system"
            }
        #endif
    }

    private static func isExecutable(_ path: String) -> Bool {
        !path.isEmpty && cspawn_is_executable(path) != 0
    }
}

/// The environment of this process.
func currentEnvironment() -> [String: String] {
    var variables: [String: String] = [:]
    // The array is the C library's and is only read here, at a time when nobody calls `setenv`.
    guard var entry = unsafe cspawn_environment() else { return variables }
    while let pointer = unsafe entry.pointee {
        let text = unsafe String(cString: pointer)
        if let separator = text.firstIndex(of: "=") {
            variables[String(text[..<separator])] = String(text[text.index(after: separator)...])
        }
        unsafe entry += 1
    }
    return variables
}
