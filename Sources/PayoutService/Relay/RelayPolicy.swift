/// How the relay waits.
struct RelayPolicy: Sendable {
    /// How many events are read and marked at a time.
    ///
    /// A kill between confirm and mark publishes at most these again.
    var batch = 32
    /// How often it looks without having been woken.
    var poll: Duration = .seconds(2)
    /// The first wait after a failure; it doubles with each further one.
    var firstBackoff: Duration = .milliseconds(100)
    /// The longest wait after a failure.
    var longestBackoff: Duration = .seconds(5)
    /// How long publishing may go on before what was confirmed is marked.
    var longestRound: Duration = .seconds(2)
    /// How long an event that is not taken is set aside at least before it is tried again.
    var parking: Duration = .seconds(60)
    /// How long at most.
    var longestParking: Duration = .seconds(600)
    /// How long it goes on publishing once the service is asked to stop.
    var flush: Duration = .seconds(10)
    /// How long published events and remembered answers are kept.
    var retention: Duration = .seconds(30 * 86_400)
    /// How often old rows are removed.
    var pruning: Duration = .seconds(3_600)

    /// How long an event is set aside: half of the time for which it has waited, within the limits.
    func parking(afterWaiting age: Duration) -> Duration { min(max(parking, age / 2), longestParking) }

    /// The wait after a number of failures in a row: between half of it and all of it, at random.
    func backoff(failures: Int, random: Double) -> Duration {
        let doubled = firstBackoff * (1 << min(max(failures - 1, 0), 20))
        return min(doubled, longestBackoff) * (0.5 + random / 2)
    }
}
