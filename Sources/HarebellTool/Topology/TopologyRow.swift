import AMQP
import HarebellRabbitMQ

/// One line of a topology.
struct TopologyRow: Encodable {
    let kind: String
    let name: String
    let type: String
    let details: String

    static func all(of topology: Topology) -> [TopologyRow] {
        topology.exchanges.map { exchange in
            TopologyRow(
                kind: "exchange", name: exchange.name, type: exchange.type.name,
                details: arguments(exchange.arguments))
        }
            + topology.queues.map { queue in
                TopologyRow(
                    kind: "queue", name: queue.name, type: "quorum",
                    details: arguments(queue.arguments, without: ["x-queue-type"]))
            }
            + topology.bindings.map { binding in
                TopologyRow(
                    kind: "binding", name: "\(binding.exchange) -> \(binding.queue)", type: "",
                    details: binding.routingKey.isEmpty ? "" : "key \(binding.routingKey)")
            }
    }

    private static func arguments(_ table: FieldTable, without hidden: Set<String> = []) -> String {
        table.filter { !hidden.contains($0.0) }
            .map { name, value in
                "\(name.hasPrefix("x-") ? String(name.dropFirst(2)) : name)=\(value.plainText)"
            }
            .joined(separator: " ")
    }
}
