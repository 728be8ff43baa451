import HarebellRabbitMQ

extension DeadLetterQueue {
    /// Which dead letters to replay.
    public enum Selection: Sendable, Hashable {
        /// Every one that was there when the replay began.
        case all
        /// The oldest, so many of those that were there when the replay began.
        case oldest(Int)
        /// Those with these ids.
        case ids(Set<String>)

        func contains(_ letter: DeadLetter) -> Bool {
            switch self {
            case .all, .oldest: true
            case .ids(let ids): letter.id.map { ids.contains($0) } ?? false
            }
        }

        func limit(of total: Int) -> Int {
            if case .oldest(let count) = self { min(count, total) } else { total }
        }

        /// How many there can be; nil of ``all``, which nobody knows before.
        public var count: Int? {
            switch self {
            case .all: nil
            case .oldest(let count): count
            case .ids(let ids): ids.count
            }
        }

        /// What is left of it when so many of the oldest were replayed.
        public func rest(after count: Int) -> Selection {
            if case .oldest(let total) = self { .oldest(max(0, total - count)) } else { self }
        }
    }

    /// How a replay goes about it.
    public struct ReplayPace: Sendable, Hashable {
        /// Messages per second at most; nil for as fast as the broker confirms.
        public var rate: Double?
        /// How many are replayed at most: the oldest of those selected.
        public var limit: Int
        /// The token with which the copies ask for a ``CanaryReport``.
        var canary: String?

        /// Everything that was selected, as fast as the broker confirms, unless told otherwise.
        public init(rate: Double? = nil, limit: Int = .max) {
            self.init(rate: rate, limit: limit, canary: nil)
        }

        init(rate: Double? = nil, limit: Int = .max, canary: String?) {
            self.rate = rate.map { max($0, 0.001) }
            self.limit = limit
            self.canary = canary
        }

        /// How many go out together: what the rate allows in a fifth of a second, so that it is even.
        var batchSize: Int { rate.map { Int(min(max($0 / 5, 1), 50)) } ?? 50 }

        /// When the next batch may go out, after one of so many: a stall is not made up for.
        func next(after count: Int, since begun: ContinuousClock.Instant) -> ContinuousClock.Instant {
            rate.map { begun + .seconds(Double(count) / $0) } ?? begun
        }
    }
}
