import Harebell
import HarebellTesting
import Logging

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

struct LoanOpened: Event, Hashable {
    static let eventType: EventType = "test.loan-opened"
    var loanID: String
    var minorUnits: Int64 = 100
    var partitionKey: String? { loanID.isEmpty ? nil : loanID }
    var subject: String? { loanID }
}

struct LoanClosed: Event, Hashable {
    static let eventType: EventType = "test.loan-closed"
    var loanID: String
    var partitionKey: String? { loanID }
}

/// Has no partition key, so nothing holds it up.
struct Ping: Event, Hashable {
    static let eventType: EventType = "test.ping"
    var number: Int
}

struct Nested: Event, Hashable {
    struct Inner: Codable, Hashable { var emails: [String] }
    static let eventType: EventType = "test.nested"
    var at: Date
    var inner: Inner
    var count: Int
    var note: String?
}

struct Boom: Error, Hashable { var text = "boom" }

let quiet = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }

/// A broker, a clock and a worker's settings that belong together.
struct Bench: Sendable {
    let clock: ManualClock
    let transport: InMemoryTransport
    let service: ServiceName = "subject"
    var configuration: WorkerConfiguration

    /// - Parameter skipsSleeps: `false` lets sleeps wait for the test to move the clock.
    init(skipsSleeps: Bool = true, retry: RetryPolicy = .default, prefetch: Int = 20) {
        clock = ManualClock(skipsSleeps: skipsSleeps)
        transport = InMemoryTransport(clock: clock)
        configuration = WorkerConfiguration(
            prefetch: prefetch, retry: retry, clock: clock.workerClock, randomness: .constant(0.5))
    }

    func worker(
        logger: Logger = quiet, @SubscriptionBuilder _ subscriptions: () -> [Subscription]
    ) -> Worker<InMemoryTransport> {
        Worker(
            service: service, transport: transport, configuration: configuration, logger: logger, subscriptions)
    }

    /// Puts an event into the service's queue.
    @discardableResult
    func send(_ event: some Event, id: EventID = .make(), attempts: Int = 0, unhandledCount: Int = 0) throws -> EventID
    {
        let envelope = try Envelope(event, producer: "producer", id: id, time: clock.now)
        transport.deliver(.success(envelope), to: service, attempts: attempts, unhandledCount: unhandledCount)
        return id
    }

    var settlements: [InMemoryTransport.Settlement] { transport.settlements(of: service) }
    var deadLetters: [InMemoryTransport.DeadLetter] { transport.deadLetters(of: service) }
    var acknowledged: [EventID?] {
        settlements.compactMap { if case .acknowledged(let id) = $0 { .some(id) } else { nil } }
    }
    var released: [EventID?] {
        settlements.compactMap { if case .released(let id) = $0 { .some(id) } else { nil } }
    }
    func drain() async throws { try await transport.drain(service) }
    func settled() async throws { try await transport.waitUntilSettled(service) }
}

/// A latch: handlers wait until the test lets them go on.
struct Latch: Sendable {
    private let isOpen = Observed(false)
    func open() { isOpen.update { $0 = true } }
    /// Throws `CancellationError` when cancelled.
    func pass() async throws { try await isOpen.wait { $0 } }
    /// Ignores cancellation, as a badly behaved handler does.
    func passRegardless() async { await Task { try? await isOpen.wait { $0 } }.value }
}
