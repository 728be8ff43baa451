public import AMQP
public import Harebell

extension DeadLetter {
    /// The message that replays this dead letter: to the failing service only, with the original bytes and id.
    ///
    /// It goes to the service's due queue, so it never waits behind a backlog and no other service sees it again. The
    /// attempts start over; when it first failed is kept, and the replay is counted.
    ///
    /// - Parameters:
    ///   - service: The service whose dead-letter queue holds it.
    ///   - canary: The token of a ``CanaryReport``, which the worker is to send.
    public func replayMessage(to service: ServiceName, canary: String? = nil) -> OutgoingMessage {
        var changes: [(String, FieldValue?)] = Header.removedByReplay.map { ($0, nil) }
        if let canary { changes.append((Header.canary, .string(canary))) }
        changes.append((Header.replayCount, .int64(Int64(replayCount + 1))))
        if let originExchange { changes.append((Header.originExchange, .string(originExchange))) }
        return OutgoingMessage(
            exchange: ServiceQueues(service: service).exchange,
            routingKey: ServiceQueues.Key.due,
            properties: RepublishedCopy.properties(of: properties, changes: changes),
            body: body)
    }

    /// The message that publishes an unrouted event again, for all who subscribe to it by now: original bytes and id.
    ///
    /// If nobody does, it lies in `unrouted` again.
    public func messagePublishedAgain() -> OutgoingMessage {
        OutgoingMessage(
            exchange: originExchange ?? type, routingKey: "",
            properties: RepublishedCopy.properties(of: properties, changes: []), body: body)
    }
}
