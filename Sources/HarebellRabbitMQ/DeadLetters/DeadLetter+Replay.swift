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
    ///   - keepsAttempts: Whether the attempts go on instead: what had used them up and fails again is a dead letter at
    ///     once, not after all its retries.
    public func replayMessage(to service: ServiceName, keepsAttempts: Bool = false) -> OutgoingMessage {
        let removed = keepsAttempts ? Header.removedByReplay.subtracting([Header.attempt]) : Header.removedByReplay
        var changes: [(String, FieldValue?)] = removed.map { ($0, nil) }
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
