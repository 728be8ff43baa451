public import Logging
import Synchronization

#if canImport(Darwin)
    import Darwin
#else
    import Glibc
#endif

/// A RabbitMQ node of our own: own data, cookie, port mapper and loopback ports.
///
/// It needs the installed package and no rights, shares nothing with a system-wide RabbitMQ, and cannot outlive this
/// process, not even after `kill -9`. Its administrator has a random password; there is no guest.
///
/// ```
/// running ── kill() ──► down ── restart() ──► starting ──► running
///    └────────────────────┴── stop() ──► stopped (for good)
/// ```
public final class PrivateBroker: Sendable {
    enum State {
        case running(ChildProcess)
        /// Also while it is being started.
        case down
        case stopped
    }

    /// Where the node keeps everything.
    public let directory: String
    /// The administrator's password.
    public let password: String
    let layout: BrokerLayout
    let management: LoopbackHTTPClient?
    let installation: BrokerInstallation
    private let logger: Logger
    private let state = Mutex(State.down)
    private let epmd: ChildProcess
    /// The nodes of a cluster share one, which is the cluster's to end.
    private let ownsPortMapper: Bool

    /// The AMQP port on 127.0.0.1.
    public var port: Int { layout.ports.amqp }
    /// The port for TLS on 127.0.0.1, if it was asked for.
    public var tlsPort: Int? { layout.tls.map { _ in layout.ports.tls } }
    /// The administrator's name.
    public var user: String { BrokerLayout.administrator }
    /// The administrator's URL of the default virtual host.
    ///
    /// It holds the password: do not log it.
    public var url: String { url(virtualHost: "/") }
    /// The management API's address, if it was asked for.
    public var managementURL: String? { management.map { "http://127.0.0.1:\($0.port)" } }
    /// The process id of the node; nil while it is down.
    public var processID: Int32? { node?.pid }
    /// Whether the node's process runs.
    public var isRunning: Bool { node.map { $0.status == nil } ?? false }
    /// The process id of the node's port mapper.
    var epmdProcessID: Int32 { epmd.pid }

    var node: ChildProcess? {
        state.withLock { state in
            if case .running(let node) = state { node } else { nil }
        }
    }

    init(
        layout: BrokerLayout, password: String, installation: BrokerInstallation, epmd: ChildProcess,
        ownsPortMapper: Bool = true, logger: Logger
    ) {
        self.directory = layout.directory
        self.layout = layout
        self.password = password
        self.installation = installation
        self.epmd = epmd
        self.ownsPortMapper = ownsPortMapper
        self.logger = logger
        let authorization = LoopbackHTTPClient.basic(BrokerLayout.administrator, password)
        self.management =
            layout.management
            ? LoopbackHTTPClient(port: layout.ports.management, authorization: authorization) : nil
    }

    /// Starts a node and returns when it answers an AMQP handshake (and the management API, if asked for).
    ///
    /// Data that an earlier node left in the directory is used again; the ports are new ones.
    /// - Throws: `DevelopmentError` `.notInstalled` with the command that installs RabbitMQ, or `.startFailed` with
    ///   the last lines of the node's log.
    public static func start(
        in directory: String, management: Bool = true, tls: BrokerTLS? = nil, logger: Logger
    ) async throws -> PrivateBroker {
        let installation = try BrokerInstallation.locate()
        let directory = absolutePath(directory)
        return try await retryingTakenPorts {
            let layout = BrokerLayout(directory: directory, ports: try await .free(), management: management, tls: tls)
            let password = try layout.prepare(installation)
            let epmd = try layout.startPortMapper(installation)
            let broker = PrivateBroker(
                layout: layout, password: password, installation: installation, epmd: epmd, logger: logger)
            do {
                try await broker.startNode()
                return broker
            } catch {
                await broker.stop()
                throw error
            }
        }
    }

    /// The administrator's URL of a virtual host.
    ///
    /// It holds the password: do not log it.
    public func url(virtualHost: String) -> String {
        url(user: user, password: password, virtualHost: virtualHost)
    }

    /// The URL of a virtual host for a user that was added.
    public func url(user: String, password: String, virtualHost: String) -> String {
        "amqp://\(percentEncoded(user)):\(percentEncoded(password))@127.0.0.1:\(port)/\(percentEncoded(virtualHost))"
    }

    /// Kills the node's process with SIGKILL, as a power cut would; `restart()` starts it again.
    public func kill() {
        node?.signal(SIGKILL)
    }

    /// Stops the node's process in its tracks (SIGSTOP): connections stay open and nothing answers.
    public func freeze() {
        node?.signal(SIGSTOP)
    }

    /// Lets a frozen node go on.
    public func thaw() {
        node?.signal(SIGCONT)
    }

    /// Awaits that the node's process is gone, after `kill()` or of itself.
    @discardableResult
    public func waitForExit() async -> ExitStatus? {
        await node?.waitForExit()
    }

    /// Starts the node again on the same ports with the same data; kills it first if it still runs.
    public func restart() async throws {
        let before = try state.withLock { state throws(DevelopmentError) -> ChildProcess? in
            switch state {
            case .running(let node):
                state = .down
                return node
            case .down:
                return nil
            case .stopped:
                throw DevelopmentError(.invalidState, "the broker was stopped")
            }
        }
        await before?.terminate(grace: .zero)
        try await startNode()
    }

    /// Ends node and port mapper and returns when both are gone.
    ///
    /// The node is killed unless `grace` gives it time to stop in order. What was confirmed is on disk either way, except
    /// that RabbitMQ 3.10 loses quorum queues that were declared in the three seconds before it was killed.
    public func stop(grace: Duration = .zero) async {
        let node = state.withLock { state -> ChildProcess? in
            defer { state = .stopped }
            if case .running(let node) = state { return node }
            return nil
        }
        await node?.terminate(grace: grace)
        if ownsPortMapper { await epmd.terminate(grace: .zero) }
    }

    func startNode() async throws {
        let began = ContinuousClock.now
        let command = installation.command(installation.server)
        let node = try ChildProcess.start(
            command.path, arguments: command.arguments, environment: layout.environment(installation),
            directory: directory, output: .file(layout.consoleFile))
        let accepted = state.withLock { state -> Bool in
            guard case .down = state else { return false }
            state = .running(node)
            return true
        }
        guard accepted else {
            await node.terminate(grace: .zero)
            throw DevelopmentError(.invalidState, "the broker was stopped or started meanwhile")
        }
        do {
            try await waitUntilReady(node)
        } catch {
            await node.terminate(grace: .zero)
            throw error
        }
        logger.debug(
            "private broker is ready",
            metadata: [
                "port": "\(port)", "pid": "\(node.pid)",
                "duration_ms": "\(Int((ContinuousClock.now - began) / .milliseconds(1)))",
            ])
    }
}

extension BrokerLayout {
    func startPortMapper(_ installation: BrokerInstallation) throws -> ChildProcess {
        let command = installation.command(installation.epmd, ["-port", "\(ports.epmd)", "-address", "127.0.0.1"])
        return try ChildProcess.start(
            command.path, arguments: command.arguments, environment: environment(installation), directory: directory)
    }
}

/// Tries again with other ports: between finding a free one and using it, another process may have taken it.
func retryingTakenPorts<Result>(_ body: () async throws -> Result) async throws -> Result {
    var attempt = 1
    while true {
        do {
            return try await body()
        } catch {
            guard attempt < 3, "\(error)".contains("eaddrinuse") else { throw error }
            attempt += 1
        }
    }
}
