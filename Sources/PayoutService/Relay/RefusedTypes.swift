import Harebell
import Synchronization

/// The event types of which an event was not taken lately, each for a while.
final class RefusedTypes: Sendable {
    private let until = Mutex<[EventType: ContinuousClock.Instant]>([:])

    func contains(_ type: EventType) -> Bool {
        until.withLock { $0[type].map { $0 > .now } ?? false }
    }

    func insert(_ type: EventType, for duration: Duration) {
        until.withLock { $0[type] = .now + duration }
    }

    func remove(_ type: EventType) {
        until.withLock { _ = $0.removeValue(forKey: type) }
    }
}
