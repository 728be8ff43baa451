/// How often a publisher leaves a channel whose messages are nacked.
///
/// A nack may mean that the queue is full, and then every channel is the same. But a channel of RabbitMQ 3.10 that first
/// publishes to a quorum queue between the death of its leader and the election of the next nacks whatever is published
/// to that queue for as long as the channel lives, while a new channel asks for the leader anew.
struct ChannelRenewals: Sendable {
    /// After so long without one, the next is not one of a series.
    private static let memory = Duration.seconds(30)

    private var count = 0
    private var last: ContinuousClock.Instant?

    /// How long after the first nack a channel is left: longer each time, since a full queue may stay full.
    func delay(_ recovery: RecoveryPolicy, random: Double = .random(in: 0..<1)) -> Duration {
        recovery.delay(afterFailures: count + 1, random: random)
    }

    mutating func note(_ now: ContinuousClock.Instant) {
        count = last.map { now - $0 < Self.memory } ?? false ? count + 1 : 1
        last = now
    }
}
