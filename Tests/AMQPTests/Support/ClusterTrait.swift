import HarebellDevelopment
import TestSupport
import Testing

/// Gives the tests of a suite one cluster, since starting one takes a minute of CPU.
struct ClusterTrait: SuiteTrait, TestScoping {
    @TaskLocal static var cluster: PrivateCluster?

    func provideScope(
        for test: Test, testCase: Test.Case?, performing function: @concurrent @Sendable () async throws -> Void
    ) async throws {
        let clock = ContinuousClock()
        let start = clock.now
        try await withPrivateCluster { cluster in
            print("cluster: three nodes formed in \((clock.now - start).seconds) s")
            try await Self.$cluster.withValue(cluster) { try await function() }
        }
    }
}

extension Trait where Self == ClusterTrait {
    static var privateCluster: ClusterTrait { ClusterTrait() }
}

/// Runs a test in a virtual host of its own of the suite's cluster.
func withClusterHost(_ body: (ClusterHost) async throws -> Void) async throws {
    let cluster = try #require(ClusterTrait.cluster, "the suite has the trait .privateCluster")
    let host = ClusterHost(cluster: cluster, name: uniqueName("vhost"))
    try await cluster.observer.addVirtualHost(host.name)
    do {
        try await body(host)
        try await cluster.observer.removeVirtualHost(host.name)
    } catch {
        try? await cluster.observer.removeVirtualHost(host.name)
        throw error
    }
}

/// A virtual host of the cluster that belongs to one test.
struct ClusterHost: Sendable {
    let cluster: PrivateCluster
    let name: String

    /// Awaits that the replicas of a queue run on all nodes, and returns the leader's node.
    @discardableResult
    func settledLeader(of queue: String, within limit: Duration = .seconds(60)) async throws -> PrivateBroker {
        try await eventualValue("three replicas of \(queue) and their leader", within: limit) {
            // A queue that was just declared is not listed yet.
            let replicas = try? await cluster.replicas(of: queue, in: name)
            return replicas?.online.count == cluster.nodes.count ? replicas?.leader : nil
        }
    }
}

extension Duration {
    /// Seconds to two decimals, for tables.
    var seconds: String {
        let hundredths = Int64(self / .milliseconds(10))
        return "\(hundredths / 100).\(hundredths % 100 / 10)\(hundredths % 10)"
    }
}
