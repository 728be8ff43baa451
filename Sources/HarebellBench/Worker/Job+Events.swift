import AMQP
import Foundation
import Harebell
import HarebellRabbitMQ

extension Job {
    /// What a service of this name needs: its queue holds the messages.
    var topology: Topology { .service(ServiceName(unchecked: queue), subscribes: [PaidOut.eventType]) }

    /// So many events, each about a loan of its own: as Harebell publishes them, or in the format of a framework that reads
    /// no other.
    func events(_ count: Int) throws -> [OutgoingMessage] {
        try (0..<count).map { _ in
            let event = try PaidOut(bytes: bytes)
            switch client {
            case .celery: return celeryTask(try EventCodec.encode(event))
            case .dramatiq: return dramatiqMessage(try EventCodec.encode(event))
            default:
                // In a trace, as everything that is published while something is handled.
                let trace = TraceContext(traceparent: "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")
                return try Envelope(event, producer: "payout", trace: trace).outgoingMessage
            }
        }
    }

    /// Celery's message protocol, version 2.
    private func celeryTask(_ event: [UInt8]) -> OutgoingMessage {
        let id = UUID().uuidString.lowercased()
        var properties = BasicProperties()
        properties.contentType = "application/json"
        properties.contentEncoding = "utf-8"
        properties.correlationID = id
        properties.deliveryMode = deliveryMode
        properties.priority = 0
        properties.headers = [
            "lang": "py", "task": "handle", "id": .string(id), "root_id": .string(id), "parent_id": .void,
            "group": .void, "group_index": .void, "retries": .int64(0), "eta": .void, "expires": .void,
            "timelimit": .array([.void, .void]), "shadow": .void, "argsrepr": "()", "kwargsrepr": "{}",
            "origin": "gen1@payout", "ignore_result": true,
        ]
        let rest = #"], {}, {"callbacks": null, "errbacks": null, "chain": null, "chord": null}]"#
        return message(properties, body: Array("[[".utf8) + event + Array(rest.utf8))
    }

    /// Dramatiq's `Message`, as its JSON encoder writes it.
    private func dramatiqMessage(_ event: [UInt8]) -> OutgoingMessage {
        var properties = BasicProperties()
        properties.deliveryMode = deliveryMode
        let id = UUID().uuidString.lowercased()
        let milliseconds = Int(Date().timeIntervalSince1970 * 1_000)
        let first = #"{"queue_name":"\#(queue)","actor_name":"handle","args":["#
        let rest = #"],"kwargs":{},"options":{},"message_id":"\#(id)","message_timestamp":\#(milliseconds)}"#
        return message(properties, body: Array(first.utf8) + event + Array(rest.utf8))
    }

    private func message(_ properties: BasicProperties, body: [UInt8]) -> OutgoingMessage {
        OutgoingMessage(exchange: PaidOut.eventType.rawValue, routingKey: "", properties: properties, body: body)
    }
}
