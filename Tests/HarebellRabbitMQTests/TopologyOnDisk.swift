import Foundation
import HarebellDevelopment

/// Whether the topology of one service outlives a kill -9 of the node: every queue is in the node's registry of quorum
/// queues, and every binding in its database.
///
/// RabbitMQ answers before: 3.10 writes the registry half a second after the last change, and a queue that was declared
/// just before comes back empty and without a leader, whatever a client does. The last binding came too late in one of
/// fifty runs: the node came back with all queues and without it, and took events for unroutable until the worker bound
/// its queue again.
func topologyIsOnDisk(_ broker: PrivateBroker) throws -> Bool {
    let node = broker.directory + "/data/harebell@localhost"
    let quorum = node + "/quorum/harebell@localhost"
    let queues = try FileManager.default.contentsOfDirectory(atPath: quorum).filter { $0.hasPrefix("2F_") }
    let registry = FileManager.default.contents(atPath: quorum + "/names.dets") ?? Data()
    // Two rungs, due, dead and the work queue, which is bound twice; and `unrouted`.
    guard queues.count >= 6, queues.allSatisfy({ registry.range(of: Data($0.utf8)) != nil }) else { return false }
    // Brokers with another database (Khepri) answer when it is written.
    guard let log = FileManager.default.contents(atPath: node + "/LATEST.LOG") else { return true }
    return count(of: "rabbit_durable_route", in: log) >= 7
}

private func count(of text: String, in data: Data) -> Int {
    var (found, start) = (0, data.startIndex)
    while let range = data.range(of: Data(text.utf8), in: start..<data.endIndex) {
        found += 1
        start = range.upperBound
    }
    return found
}
