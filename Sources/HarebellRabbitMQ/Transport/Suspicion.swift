/// Which messages are suspected of killing the process that handles them.
///
/// A broker that is left with a delivery delivers it again and counts: `x-delivery-count`. It counts for all that the
/// process had in hand, the killer and its neighbours alike, and up to RabbitMQ 4.2 also what is handed back; so a
/// high count is a suspicion and no more. A suspect is handled alone: if it kills again it raises nobody else's count,
/// and if it does not it was a neighbour.
package struct Suspicion: Sendable {
    /// From this count on a message is a suspect: a quarter of what the queue's limit allows, so that a neighbour keeps
    /// the rest, and a few restarts of a service make no suspects.
    let threshold: Int
    /// How long a message waits that has stayed a suspect twice; twice as long for each further count.
    let firstDelay: Duration
    /// How long they wait at most.
    let longestDelay: Duration = .seconds(30)

    /// - Parameter deliveryLimit: `x-delivery-limit` of the queues.
    package init(deliveryLimit: Int, firstDelay: Duration = .seconds(1)) {
        threshold = max(2, deliveryLimit / 4)
        self.firstDelay = firstDelay
    }

    func suspects(deliveryCount: Int) -> Bool { deliveryCount >= threshold }

    /// How long a suspect waits: a message that kills is not to keep its service restarting all the time.
    ///
    /// At first it does not, for most suspects are neighbours.
    func delay(deliveryCount: Int) -> Duration {
        let firstToWait = threshold + 2
        guard deliveryCount >= firstToWait else { return .zero }
        var delay = firstDelay
        for _ in firstToWait..<deliveryCount {
            guard delay < longestDelay else { break }
            delay = delay * 2
        }
        return min(delay, longestDelay)
    }
}
