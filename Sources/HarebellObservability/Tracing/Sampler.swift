/// Which traces are recorded.
public struct Sampler: Sendable, Hashable {
    /// The share of traces that begin here and are recorded, 0 to 1.
    public var ratio: Double
    /// Whether a trace that began elsewhere is recorded when it was there.
    public var followsParent: Bool

    /// A sampler from its parts.
    public init(ratio: Double, followsParent: Bool) {
        self.ratio = ratio
        self.followsParent = followsParent
    }

    /// Every trace that begins here, and those of others that they record.
    public static let standard = Sampler(ratio: 1, followsParent: true)

    /// The sampler that `OTEL_TRACES_SAMPLER` and its argument name; nil for what we do not know.
    public init?(name: String, argument: String?) {
        let ratio: Double
        if let argument {
            guard let number = Double(argument), (0...1).contains(number) else { return nil }
            ratio = number
        } else {
            ratio = 1
        }
        switch name {
        case "always_on": self.init(ratio: 1, followsParent: false)
        case "always_off": self.init(ratio: 0, followsParent: false)
        case "traceidratio": self.init(ratio: ratio, followsParent: false)
        case "parentbased_always_on": self.init(ratio: 1, followsParent: true)
        case "parentbased_always_off": self.init(ratio: 0, followsParent: true)
        case "parentbased_traceidratio": self.init(ratio: ratio, followsParent: true)
        default: return nil
        }
    }

    /// Decides by the trace's id, so that everybody with the same ratio decides alike.
    func samples(traceID: (high: UInt64, low: UInt64), parent: SpanContext?) -> Bool {
        if followsParent, let parent { return parent.isSampled }
        if ratio >= 1 { return true }
        return Double(traceID.low >> 11) < ratio * Double(UInt64(1) << 53)
    }
}
