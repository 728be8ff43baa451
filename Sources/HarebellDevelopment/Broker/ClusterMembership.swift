/// What the nodes of one private cluster agree on.
struct ClusterMembership: Sendable {
    let name: String
    let peers: [String]
    let cookie: String
    let password: String

    /// How a node finds the others, and what keeps three of them small on one machine.
    var configuration: String {
        let peers = peers.enumerated().map { index, peer in
            "cluster_formation.classic_config.nodes.\(index + 1) = \(peer)\n"
        }
        return """
            cluster_formation.peer_discovery_backend = classic_config
            \(peers.joined())cluster_partition_handling = pause_minority
            raft.wal_max_size_bytes = 16000000

            """
    }

    /// How soon a queue that has lost its leader elects another one, in milliseconds: RabbitMQ looks every 5 s by default.
    ///
    /// That is after clients of a frozen node have gone to another, and what they then publish waits 10 s for the old
    /// leader.
    let advancedConfiguration = "[{aten, [{poll_interval, 1000}]}].\n"
}
