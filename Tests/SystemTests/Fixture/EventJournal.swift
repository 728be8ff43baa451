import HarebellDevelopment
import Synchronization

/// What happened in a running system, in order.
final class EventJournal: Sendable {
    private let events = Mutex<[DevelopmentEvent]>([])

    func record(_ event: DevelopmentEvent) { events.withLock { $0.append(event) } }

    /// How much has happened: what comes later is found with `since:`.
    var mark: Int { events.withLock { $0.count } }

    func all(since mark: Int = 0) -> [DevelopmentEvent] { events.withLock { Array($0.dropFirst(mark)) } }

    /// The lines that a service wrote.
    func lines(of service: String, since mark: Int = 0) -> [ServiceLogLine] {
        all(since: mark).compactMap { event in
            if case .serviceLine(service, let line) = event { line } else { nil }
        }
    }

    /// How often a service connected or lost its connection.
    func connectionChanges(of service: String, since mark: Int = 0) -> [String] {
        let messages = [
            "connected to the broker", "lost the broker", "cannot reach the broker", "the subscription ended",
        ]
        return lines(of: service, since: mark).map(\.message).filter(messages.contains)
    }

    /// The ids of a service's dead letters.
    func deadLetters(of service: String) -> [String] {
        all().compactMap { event in
            if case .deadLettered(service, let id, _, _, _) = event { id } else { nil }
        }
    }

    /// The services whose process ended.
    func exits(since mark: Int = 0) -> [String] {
        all(since: mark).compactMap { event in
            if case .serviceExited(let name, _, _) = event { name } else { nil }
        }
    }
}
