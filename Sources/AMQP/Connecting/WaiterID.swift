import Synchronization

/// Identifies a waiting call within the process, so that its cancellation finds it.
enum WaiterID {
    private static let last = Atomic<UInt64>(0)

    static func next() -> UInt64 {
        last.wrappingAdd(1, ordering: .relaxed).newValue
    }
}
