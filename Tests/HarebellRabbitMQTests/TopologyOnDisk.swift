import Foundation
import HarebellDevelopment
import TestSupport

/// Waits until the topology of one service outlives a kill -9 of the node: every queue is in the node's registry of
/// quorum queues.
///
/// RabbitMQ answers before: 3.10 writes the registry half a second after the last change, and a queue that was declared
/// just before comes back empty and without a leader, whatever a client does. The bindings need no waiting, for
/// `Topology.apply` sees to them.
func awaitTopologyOnDisk(of broker: PrivateBroker) async throws {
    let quorum = broker.directory + "/data/harebell@localhost/quorum/harebell@localhost"
    try await eventually("the topology is on disk") {
        let queues = try FileManager.default.contentsOfDirectory(atPath: quorum).filter { $0.hasPrefix("2F_") }
        let registry = FileManager.default.contents(atPath: quorum + "/names.dets") ?? Data()
        // Two rungs, due, dead and the work queue; and `unrouted`.
        return queues.count >= 6 && queues.allSatisfy { registry.range(of: Data($0.utf8)) != nil }
    }
}
