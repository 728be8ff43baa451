/// By how much a delay differs from what was asked for, so that messages that failed together do not come back together.
public struct Jitter: Sendable, Hashable, ExpressibleByFloatLiteral, ExpressibleByIntegerLiteral {
    /// The least share of the delay that is waited.
    private let least: Double
    /// The largest.
    private let most: Double

    private init(least: Double, most: Double) {
        self.least = least
        self.most = most
    }

    /// Exactly the delay.
    public static let none = Jitter(least: 1, most: 1)
    /// Anything up to the delay: spreads best, and may be at once.
    public static let full = Jitter(least: 0, most: 1)
    /// Half of the delay, and anything up to the other half.
    public static let equal = Jitter(least: 0.5, most: 1)

    /// Up to this share, from 0 to 1, earlier or later.
    public static func within(_ share: Double) -> Jitter {
        let share = min(max(share.isNaN ? 0 : share, 0), 1)
        return Jitter(least: 1 - share, most: 1 + share)
    }

    /// The same as ``within(_:)``.
    public init(floatLiteral share: Double) { self = .within(share) }
    /// The same as ``within(_:)``.
    public init(integerLiteral share: Int) { self = .within(Double(share)) }

    /// What is waited.
    ///
    /// - Parameter random: a number in 0 ..< 1.
    func delay(_ delay: Duration, random: Double) -> Duration {
        let draw = min(max(random.isNaN ? 0.5 : random, 0), 1)
        return delay * (least + (most - least) * draw)
    }
}
