public import Logging

/// RabbitMQ nodes of our own that form one cluster on loopback ports; see ``PrivateBroker`` for what each of them is.
///
/// They share a port mapper, a cookie and the administrator. The last node is the observer: it alone has the management
/// API, so tests that ask the cluster leave it running.
public final class PrivateCluster: Sendable {
    /// The nodes, in the order of their names.
    public let nodes: [PrivateBroker]
    private let epmd: ChildProcess

    /// The node that answers questions about the cluster.
    public var observer: PrivateBroker { nodes[nodes.count - 1] }

    private init(nodes: [PrivateBroker], epmd: ChildProcess) {
        self.nodes = nodes
        self.epmd = epmd
    }

    /// Starts all nodes at once and returns when each of them answers and all of them know each other.
    ///
    /// - Throws: `DevelopmentError` `.notInstalled` with the command that installs RabbitMQ, or `.startFailed` with
    ///   the last lines of a node's log.
    public static func start(in directory: String, nodes count: Int = 3, logger: Logger) async throws -> PrivateCluster
    {
        precondition(count > 0, "a cluster has nodes")
        let installation = try BrokerInstallation.locate()
        let directory = absolutePath(directory)
        return try await retryingTakenPorts {
            // A node that failed to form a cluster may have formed one of its own: nothing of it is used again.
            let cluster = try await prepare(
                in: directory + "/" + randomToken(length: 8), count: count, installation: installation, logger: logger)
            do {
                try await cluster.startNodes()
                try await cluster.waitUntilFormed()
                return cluster
            } catch {
                await cluster.stop()
                throw error
            }
        }
    }

    private static func prepare(
        in directory: String, count: Int, installation: BrokerInstallation, logger: Logger
    ) async throws -> PrivateCluster {
        let names = (1...count).map { "harebell\($0)@localhost" }
        let (cookie, password) = (randomToken(), randomToken())
        let layouts = try await zip(names, BrokerPorts.free(nodes: count)).map { name, ports in
            BrokerLayout(
                directory: "\(directory)/\(name)", ports: ports, management: name == names.last,
                membership: ClusterMembership(name: name, peers: names, cookie: cookie, password: password))
        }
        for layout in layouts { _ = try layout.prepare(installation) }
        let epmd = try layouts[0].startPortMapper(installation)
        let nodes = layouts.map { layout in
            PrivateBroker(
                layout: layout, password: password, installation: installation, epmd: epmd, ownsPortMapper: false,
                logger: logger)
        }
        return PrivateCluster(nodes: nodes, epmd: epmd)
    }

    /// The administrator's URL of a virtual host with the addresses of all nodes, that of `first` before the others.
    ///
    /// It holds the password: do not log it.
    public func url(virtualHost: String, first: PrivateBroker) -> String {
        let others = nodes.filter { $0 !== first }
        let addresses = ([first] + others).map { "127.0.0.1:\($0.port)" }.joined(separator: ",")
        let (user, password) = (percentEncoded(first.user), percentEncoded(first.password))
        return "amqp://\(user):\(password)@\(addresses)/\(percentEncoded(virtualHost))"
    }

    /// Kills every node with SIGKILL, as a power cut would, and returns when their processes are gone.
    public func kill() async {
        for node in nodes { node.kill() }
        for node in nodes { await node.waitForExit() }
    }

    /// Starts all nodes again with the same data, at once, since each of them waits for the others.
    public func restart() async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            for node in nodes { group.addTask { try await node.restart() } }
            try await group.waitForAll()
        }
        try await waitUntilFormed()
    }

    /// Kills a node unless it is down, starts it with the same data, and returns when it is back among the others.
    ///
    /// A node that was frozen finds itself cut off from the others; it may take a minute until it has left that behind,
    /// and what is changed in the cluster meanwhile may be undone.
    public func restart(_ node: PrivateBroker) async throws {
        try await node.restart()
        try await waitUntilFormed()
    }

    /// Ends the nodes and the port mapper and returns when all are gone.
    public func stop() async {
        await withDiscardingTaskGroup { group in
            for node in nodes { group.addTask { await node.stop() } }
        }
        await epmd.terminate(grace: .zero)
    }

    private func startNodes() async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            for node in nodes { group.addTask { try await node.startNode() } }
            try await group.waitForAll()
        }
    }

    private func waitUntilFormed(limit: Duration = .seconds(60)) async throws {
        let end = ContinuousClock.now + limit
        while (try? await runningNodes()) != Set(nodes.map(\.layout.nodeName)) {
            guard ContinuousClock.now < end else {
                let lines = nodes.map { $0.layout.lastLines() }.joined(separator: "\n")
                throw DevelopmentError(
                    .startFailed,
                    "the nodes did not form a cluster within \(limit). The last lines of their logs:\n\(lines)")
            }
            // Nothing announces it; asking costs one request.
            try await Task.sleep(for: .milliseconds(200))
        }
        // A node listens before it calls itself booted. One that does not is left out when a virtual host is added, and
        // whoever added it waits in vain for 45 s until it is there on all nodes.
        let names = nodes.map { "'\($0.layout.nodeName)'" }.joined(separator: ",")
        try await observer.evaluate(
            "lists:foreach(fun(Node) -> ok = rabbit:await_startup(Node, false, 30000) end, [\(names)]).")
    }
}
