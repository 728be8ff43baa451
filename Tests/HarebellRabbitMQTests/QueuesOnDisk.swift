import Foundation
import HarebellDevelopment

/// Whether the node's registry of quorum queues names every queue that has data.
///
/// RabbitMQ 3.10 writes it half a second after the last change: a queue that was declared just before a kill -9
/// comes back empty and without a leader, whatever a client does.
func queuesAreOnDisk(_ broker: PrivateBroker) throws -> Bool {
    let quorum = broker.directory + "/data/harebell@localhost/quorum/harebell@localhost"
    let queues = try FileManager.default.contentsOfDirectory(atPath: quorum).filter { $0.hasPrefix("2F_") }
    let registry = FileManager.default.contents(atPath: quorum + "/names.dets") ?? Data()
    return queues.count >= 6 && queues.allSatisfy { registry.range(of: Data($0.utf8)) != nil }
}
