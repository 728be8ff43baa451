public import Harebell
import Synchronization

/// Numbers that look random and repeat for the same seed (SplitMix64).
public struct SeededGenerator: RandomNumberGenerator, Sendable {
    private var state: UInt64

    /// The sequence of a seed.
    public init(seed: UInt64) {
        state = seed
    }

    /// The next number.
    public mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}

extension Randomness {
    /// The same sequence for the same seed.
    public static func seeded(_ seed: UInt64) -> Randomness {
        let generator = LockedGenerator(seed: seed)
        return Randomness { generator.next() }
    }

    /// Always the same number; 0.5 means no jitter.
    public static func constant(_ value: Double) -> Randomness {
        Randomness { value }
    }
}

private final class LockedGenerator: Sendable {
    private let generator: Mutex<SeededGenerator>

    init(seed: UInt64) {
        generator = Mutex(SeededGenerator(seed: seed))
    }

    func next() -> Double {
        generator.withLock { Double.random(in: 0..<1, using: &$0) }
    }
}
