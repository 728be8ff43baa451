extension PrivateCluster {
    /// Where the replicas of a quorum queue are.
    public struct QueueReplicas: Sendable {
        /// The node that all publishes and deliveries of the queue go through; nil while there is none.
        public let leader: PrivateBroker?
        /// The nodes whose replica runs.
        public let online: [PrivateBroker]
    }

    private struct NodeSummary: Decodable {
        let name: String
        let running: Bool
    }

    private struct QueueSummary: Decodable {
        let leader: String?
        let online: [String]?
    }

    /// The names of the nodes that run, as the observer sees it.
    func runningNodes() async throws -> Set<String> {
        let nodes: [NodeSummary] = try await observer.ask("/api/nodes?columns=name,running")
        return Set(nodes.filter(\.running).map(\.name))
    }

    /// Where the replicas of a quorum queue are, as the observer sees it.
    public func replicas(of queue: String, in virtualHost: String) async throws -> QueueReplicas {
        let path = "/api/queues/\(percentEncoded(virtualHost))/\(percentEncoded(queue))?columns=leader,online"
        let summary: QueueSummary = try await observer.ask(path)
        return QueueReplicas(
            leader: nodes.first { $0.layout.nodeName == summary.leader },
            online: nodes.filter { summary.online?.contains($0.layout.nodeName) == true })
    }

    /// Hands the leadership of a quorum queue to the replica on another node, as an operator would.
    public func moveLeader(of queue: String, in virtualHost: String, to node: PrivateBroker) async throws {
        let name = "rabbit_misc:r(<<\"\(virtualHost)\">>, queue, <<\"\(queue)\">>)"
        let answer = try await observer.evaluate(
            """
            {ok, Q} = rabbit_amqqueue:lookup(\(name)), \
            rabbit_quorum_queue:transfer_leadership(Q, '\(node.layout.nodeName)').
            """)
        guard answer.contains("migrated") else {
            throw DevelopmentError(.requestFailed, "the leader of \(queue) was not moved: \(answer)")
        }
    }
}
