import AMQP
import Foundation
import Harebell
import HarebellDevelopment
import TestSupport
import Testing

@testable import HarebellRabbitMQ

@Suite(.timeLimit(.minutes(3))) struct TopologyKillTests {
    /// Killed under load, RabbitMQ 3.10 came back without the last binding in every tenth run, before the last change was
    /// one that may be undone.
    @Test func `a node that is killed right after a deployment has all bindings when it is back`() async throws {
        try await withPrivateBroker(management: false) { broker in
            let topology = Topology.service("email", subscribes: ["loan.paid-out", "loan.canceled"])
            let connection = try await AMQPConnection.connect(
                try AMQPConfiguration(uri: broker.url), logger: quietLogger)
            try await topology.apply(on: connection, logger: quietLogger)
            // The database of 3.10 and 4.0 writes its changes here one after the other; later ones have another.
            let log = broker.directory + "/data/harebell@localhost/LATEST.LOG"
            if let changes = FileManager.default.contents(atPath: log) {
                let last = try #require(changes.range(of: Data("presume_abort".utf8), options: .backwards))
                let change = changes[last.upperBound...]
                #expect(change.range(of: Data(Topology.settlingKey.utf8)) != nil)
            }
            broker.kill()
            await connection.close()
            try await broker.restart()
            let listed = try await bindings(of: broker)
            for binding in topology.bindings { #expect(listed.contains(binding), "\(binding)") }
        }
    }
}

private func bindings(of broker: PrivateBroker) async throws -> Set<Topology.Binding> {
    let text = try await broker.control(
        "list_bindings", "--no-table-headers", "source_name", "destination_name", "routing_key")
    return Set(
        text.split(separator: "\n").map { line in
            let fields = line.split(separator: "\t", omittingEmptySubsequences: false).map(String.init)
            return Topology.Binding(exchange: fields[0], queue: fields[1], routingKey: fields[2])
        })
}
