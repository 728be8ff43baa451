import Foundation
import HarebellDevelopment
import Logging
import NIOConcurrencyHelpers
import TestSupport
import Testing

@testable import AMQP

/// Faults of a cluster of three nodes under traffic, with the client's defaults.
///
/// They measure: `Ops/test` runs nothing else beside them. All of them with HAREBELL_TEST_FULL=1, else the first only.
@Suite(.serialized, .privateCluster, .timeLimit(.minutes(10))) struct ClusterTests {
    static let isFull = ProcessInfo.processInfo.environment["HAREBELL_TEST_FULL"] == "1"

    /// What the client says beside the figures explains them.
    private static let logger = Logger(label: "client")

    /// Where the limits of a fault are exceeded, the client is at fault, not the broker: it has two other nodes.
    private struct Limits {
        var publishing: Duration
        var consuming: Duration
    }

    /// Publishes and consumes all along while `fault` happens, first by the node that leads the queue.
    private func run(
        _ name: String, within limits: Limits? = nil, _ host: ClusterHost,
        fault: (AMQPClient, Traffic, _ leader: PrivateBroker) async throws -> Void
    ) async throws {
        let traffic = Traffic()
        let clock = ContinuousClock()
        // The queue's first node leads it, and is the first that the client tries.
        let uri = host.cluster.url(virtualHost: host.name, first: host.cluster.nodes[0])
        try await withClient(AMQPConfiguration(uri: uri), recovery: .default, logger: Self.logger) { client in
            client.onConnect("topology") { try await traffic.declare(on: $0) }
        } _: { client in
            try await client.waitUntilConnected(timeout: .seconds(60))
            let leader = try await host.settledLeader(of: traffic.queue)
            let deliveries = client.consume(traffic.queue, prefetch: 50)
            let start = try await withThrowingTaskGroup(of: Void.self, returning: ContinuousClock.Instant.self) {
                group in
                group.addTask { try await traffic.consume(deliveries) }
                for publisher in 0..<8 { group.addTask { await traffic.publish("\(publisher)", by: client) } }
                try await eventually("traffic flows", within: .seconds(30)) { traffic.handledCount > 500 }
                let start = clock.now
                try await fault(client, traffic, leader)
                let (confirmed, handled) = (traffic.confirmedCount, traffic.handledCount)
                try await eventually("traffic flows again", within: .seconds(90)) {
                    traffic.confirmedCount > confirmed + 500 && traffic.handledCount > handled + 500
                }
                traffic.stop()
                // Only then is the set of confirmed messages final.
                try await eventually("the publishers have ended", within: .seconds(30)) { traffic.publishers == 0 }
                try await eventually("everything confirmed was handled", within: .seconds(60)) {
                    traffic.allConfirmedWereHandled
                }
                traffic.settleHeld()
                await deliveries.cancel()
                try await group.waitForAll()
                return start
            }
            traffic.check(name, since: start)
            if let limits {
                let stalls = traffic.stalls(since: start)
                #expect(stalls.publishing < limits.publishing)
                #expect(stalls.consuming < limits.consuming)
            }
            let left = try await client.withChannel {
                try await $0.declareQueue(traffic.queue, arguments: ["x-queue-type": "quorum"]).messageCount
            }
            #expect(left == 0, "everything was settled")
        }
    }

    @Test func `the leader is killed`() async throws {
        try await withClusterHost { host in
            try await run("leader killed", within: Limits(publishing: .seconds(10), consuming: .seconds(15)), host) {
                _, traffic, leader in
                leader.kill()
                let confirmed = traffic.confirmedCount
                try await eventually("publishing resumes", within: .seconds(60)) {
                    traffic.confirmedCount > confirmed + 500
                }
                // The others of this suite need it.
                if Self.isFull {
                    try await host.cluster.restart(leader)
                    try await host.settledLeader(of: traffic.queue, within: .seconds(90))
                }
            }
        }
    }

    /// Freezes a node for 30 seconds, in which the client must go to another one.
    private func freeze(_ node: PrivateBroker, _ name: String, _ client: AMQPClient) async throws {
        let clock = ContinuousClock()
        let start = clock.now
        let frozen = try #require(client.connectedHost)
        #expect(frozen.port == node.port)
        node.freeze()
        defer { node.thaw() }
        try await eventually("the client is connected elsewhere", within: .seconds(30)) {
            client.connectedHost.map { $0 != frozen } ?? false
        }
        let pause = clock.now - start
        print("\(name): connected elsewhere after \(pause.seconds) s")
        #expect(pause < .seconds(8))
        try await eventually("the freeze is over", within: .seconds(40)) { clock.now > start + .seconds(30) }
    }

    @Test(.enabled(if: isFull)) func `the node of the client freezes for 30 seconds`() async throws {
        try await withClusterHost { host in
            let limits = Limits(publishing: .seconds(8), consuming: .seconds(8))
            try await run("node frozen 30 s", within: limits, host) { client, traffic, node in
                let other = try #require(host.cluster.nodes.first { $0 !== node })
                try await host.cluster.moveLeader(of: traffic.queue, in: host.name, to: other)
                try await host.settledLeader(of: traffic.queue)
                try await freeze(node, "node frozen", client)
            }
            try await host.cluster.restart(host.cluster.nodes[0])
        }
    }

    @Test(.enabled(if: isFull)) func `the leader freezes for 30 seconds`() async throws {
        try await withClusterHost { host in
            let limits = Limits(publishing: .seconds(8), consuming: .seconds(8))
            try await run("leader frozen 30 s", within: limits, host) { client, _, leader in
                try await freeze(leader, "leader frozen", client)
            }
            try await host.cluster.restart(host.cluster.nodes[0])
        }
    }

    @Test(.enabled(if: isFull)) func `all nodes are killed and started again`() async throws {
        try await withClusterHost { host in
            try await run("all nodes killed", host) { _, traffic, _ in
                // RabbitMQ 3.10.8 writes the directory of its quorum queues with a delay. A node killed before that
                // starts the queue anew, empty and without a leader, whatever its client does.
                let clock = ContinuousClock()
                let settled = clock.now + .seconds(6)
                try await eventually("the queue's registration is on the disks") { clock.now > settled }
                await host.cluster.kill()
                try await host.cluster.restart()
                let formed = clock.now
                let confirmed = traffic.confirmedCount
                try await eventually("publishing resumes", within: .seconds(60)) { traffic.confirmedCount > confirmed }
                let pause = clock.now - formed
                print("all nodes killed: publishing resumed \(pause.seconds) s after the cluster was back")
                #expect(pause < .seconds(10))
            }
        }
    }

    @Test(.enabled(if: isFull)) func `an operator closes all connections`() async throws {
        try await withClusterHost { host in
            let limits = Limits(publishing: .seconds(5), consuming: .seconds(5))
            try await run("connections closed", within: limits, host) { _, _, _ in
                try await eventually("the connection is closed by the broker", within: .seconds(30)) {
                    // The observer lists a connection with a delay.
                    (try? await host.cluster.observer.closeConnections { $0.virtualHost == host.name }) ?? 0 > 0
                }
            }
        }
    }

    @Test(.enabled(if: isFull)) func `the leader of the queue is moved`() async throws {
        try await withClusterHost { host in
            let limits = Limits(publishing: .seconds(5), consuming: .seconds(5))
            try await run("leader moved", within: limits, host) { _, traffic, leader in
                let other = try #require(host.cluster.nodes.first { $0 !== leader })
                try await host.cluster.moveLeader(of: traffic.queue, in: host.name, to: other)
                #expect(try await host.settledLeader(of: traffic.queue) === other)
            }
        }
    }

    @Test(.enabled(if: isFull)) func `the queue is deleted under its consumer`() async throws {
        try await withClusterHost { host in
            let limits = Limits(publishing: .seconds(5), consuming: .seconds(5))
            try await run("queue deleted", within: limits, host) { client, traffic, _ in
                traffic.pause()
                try await eventually("nothing is under way") { traffic.isQuiet }
                try await host.cluster.observer.deleteQueue(traffic.queue, in: host.name)
                // RabbitMQ 3.10.8 tells no channel that used the queue, if one of that name is there again at once.
                try await eventually("the consumer is cancelled") { !traffic.isSubscribed }
                try await client.withConnection { try await traffic.declare(on: $0) }
                traffic.resume()
            }
        }
    }
}

extension AMQPClient {
    /// The node it is connected to.
    fileprivate var connectedHost: AMQPConfiguration.Host? {
        if case .success(let connection) = box.withLockedValue({ $0.connection }) { connection.host } else { nil }
    }
}
