/// Which messages are suspected of killing the process that handles them.
///
/// A broker that is left with a delivery delivers it again and counts: `x-delivery-count`. It counts for all that the
/// process had in hand, the killer and its neighbours alike, so a high count is a suspicion and no more. A suspect is
/// handled alone: if it kills again it kills nobody else's count, and if it does not it was a neighbour.
package struct Suspicion: Sendable {
    /// From this count on a message is a suspect.
    var threshold = 2
    /// Below this count it does not wait: most suspects are neighbours, or were in hand when the broker died twice.
    var firstToWait = 4
    /// How long it waits from then on; twice as long for each further count.
    var firstDelay: Duration = .seconds(1)
    /// How long they wait at most.
    var longestDelay: Duration = .seconds(30)

    package init(firstDelay: Duration = .seconds(1)) {
        self.firstDelay = firstDelay
    }

    func suspects(deliveryCount: Int) -> Bool { deliveryCount >= threshold }

    /// How long a suspect waits: a message that kills is not to keep its service restarting all the time.
    func delay(deliveryCount: Int) -> Duration {
        guard deliveryCount >= firstToWait else { return .zero }
        var delay = firstDelay
        for _ in firstToWait..<deliveryCount {
            guard delay < longestDelay else { break }
            delay = delay * 2
        }
        return min(delay, longestDelay)
    }
}
