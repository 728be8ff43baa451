import Synchronization

/// A whole number that many threads add to.
final class Cell: Sendable {
    private let number = Atomic<Int64>(0)

    var value: Int64 { number.load(ordering: .relaxed) }

    func add(_ amount: Int64) { number.wrappingAdd(amount, ordering: .relaxed) }

    func set(_ value: Int64) { number.store(value, ordering: .relaxed) }
}

/// A number that many threads set and add to.
final class FloatingPointCell: Sendable {
    private let bits = Atomic<UInt64>(0)

    var value: Double { Double(bitPattern: bits.load(ordering: .relaxed)) }

    func set(_ value: Double) { bits.store(value.bitPattern, ordering: .relaxed) }

    func add(_ amount: Double) {
        var current = bits.load(ordering: .relaxed)
        while true {
            let wanted = (Double(bitPattern: current) + amount).bitPattern
            let (exchanged, original) = bits.weakCompareExchange(
                expected: current, desired: wanted, ordering: .relaxed)
            if exchanged { return }
            current = original
        }
    }
}
