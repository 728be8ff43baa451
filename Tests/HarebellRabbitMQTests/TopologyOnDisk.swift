import AMQP
import Foundation
import HarebellDevelopment
import TestSupport

/// Waits until the topology of one service outlives a kill -9 of the node: every queue is in the node's registry of
/// quorum queues, and every binding is in its database, decided.
///
/// RabbitMQ answers before. 3.10 writes the registry half a second after the last change: a queue that was declared just
/// before comes back empty and without a leader, whatever a client does. And of its database's last transaction, the
/// decision may stay in memory until the next one (seen in 2 of 21 runs, for six seconds and more), and a transaction
/// without one is undone when the node comes back: with all queues, and without the binding that was made last. Hence one
/// more thing is declared here, to be the last.
func awaitTopologyOnDisk(of system: TestSystem, on broker: PrivateBroker) async throws {
    try await system.withChannel { try await $0.declareExchange(lastName, type: .fanout) }
    try await eventually("the topology is on disk") { try topologyIsOnDisk(broker) }
}

private let lastName = "test.last"

private func topologyIsOnDisk(_ broker: PrivateBroker) throws -> Bool {
    let node = broker.directory + "/data/harebell@localhost"
    let quorum = node + "/quorum/harebell@localhost"
    let queues = try FileManager.default.contentsOfDirectory(atPath: quorum).filter { $0.hasPrefix("2F_") }
    let registry = FileManager.default.contents(atPath: quorum + "/names.dets") ?? Data()
    // Two rungs, due, dead and the work queue; and `unrouted`.
    guard queues.count >= 6, queues.allSatisfy({ registry.range(of: Data($0.utf8)) != nil }) else { return false }
    // Brokers with another database (Khepri) answer when it is written.
    guard let log = FileManager.default.contents(atPath: node + "/LATEST.LOG") else { return true }
    return log.range(of: Data(lastName.utf8)) != nil
        && count(of: "committed", in: log) >= count(of: "presume_abort", in: log) - 1
}

private func count(of text: String, in data: Data) -> Int {
    var (found, start) = (0, data.startIndex)
    while let range = data.range(of: Data(text.utf8), in: start..<data.endIndex) {
        found += 1
        start = range.upperBound
    }
    return found
}
