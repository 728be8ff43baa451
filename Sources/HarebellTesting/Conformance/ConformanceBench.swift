import Harebell
import Logging
import ServiceLifecycle

/// A scenario's means: a running transport, services that consume, and expectations.
struct ConformanceBench<Subject: TransportUnderTest>: Sendable {
    let subject: Subject
    let transport: Subject.Subject
    let scenario: String
    let service: ServiceName = "subject"
    let neighbour: ServiceName = "neighbour"

    /// Two calls at once, then two after a delay each.
    var retry: RetryPolicy {
        RetryPolicy(immediate: [.zero], delayed: [subject.delay, subject.delay], jitter: 0)
    }

    // MARK: Expecting

    func failure(_ message: String) -> ConformanceFailure {
        ConformanceFailure(scenario: scenario, message: message)
    }

    func expect(_ isTrue: Bool, _ what: @autoclosure () -> String) throws {
        guard isTrue else { throw failure(what()) }
    }

    func expect<Value: Equatable>(_ found: Value, is wanted: Value, _ what: String) throws {
        try expect(found == wanted, "\(what): expected \(wanted), found \(found)")
    }

    func require<Value>(_ value: Value?, _ what: String) throws -> Value {
        guard let value else { throw failure("there is no \(what)") }
        return value
    }

    /// Waits until something is so.
    /// - Parameter elapsing: whether time may pass meanwhile, so that retries become due.
    func eventually(
        _ what: @autoclosure () -> String, elapsing: Bool = false, _ condition: () async throws -> Bool
    ) async throws {
        let end = ContinuousClock.now + subject.patience
        while try await !condition() {
            try expect(ContinuousClock.now < end, "\(what()): not within \(subject.patience)")
            if elapsing { try await elapse() }
            try await Task.sleep(for: .milliseconds(subject.isClockManual ? 1 : 10))
        }
    }

    /// Lets a quarter of the delay pass; on a manual clock only when something waits for it, for timeouts are on it too.
    private func elapse() async throws {
        if subject.isClockManual, try await subject.depth(of: service).waiting == 0 { return }
        try await subject.elapse(subject.delay / 4)
    }

    /// Waits until a service's queues hold exactly this, and nothing else.
    func eventually(_ service: ServiceName, holds wanted: TransportDepth, elapsing: Bool = false) async throws {
        var found = TransportDepth()
        do {
            try await eventually("queues", elapsing: elapsing) {
                found = try await subject.depth(of: service)
                return found == wanted
            }
        } catch is ConformanceFailure {
            throw failure("queues of \"\(service)\": expected \(wanted), found \(found)")
        }
    }

    func wait<Value: Sendable>(
        _ observed: Observed<Value>, _ what: String, until condition: @escaping @Sendable (Value) -> Bool
    ) async throws {
        do {
            try await observed.wait(within: subject.patience, until: condition)
        } catch let error as WaitedTooLong {
            throw failure("\(what): \(error)")
        }
    }

    // MARK: Publishing

    @discardableResult
    func publish(_ event: some Event, correlationID: String? = nil) async throws -> EventID {
        try await Publisher(service: "producer", transport: transport).publish(event, correlationID: correlationID)
    }

    @discardableResult
    func publish(_ numbers: some Sequence<Int>) async throws -> [EventID] {
        var ids: [EventID] = []
        for number in numbers { ids.append(try await publish(Opened(number: number))) }
        return ids
    }

    // MARK: Consuming

    /// Makes a service's queue, so that it keeps what is published while the service is away.
    func register(_ service: ServiceName, subscribes: [EventType] = [Opened.eventType]) async throws {
        try await receiving(as: service, subscribes: subscribes) { _ in }
    }

    /// Runs a worker for the time of the body.
    func working<Result: Sendable>(
        as service: ServiceName? = nil, on transport: Subject.Subject? = nil, prefetch: Int = 20,
        gracePeriod: Duration = .seconds(20), retry: RetryPolicy? = nil,
        @SubscriptionBuilder _ subscriptions: () -> [Subscription],
        while body: @escaping @Sendable () async throws -> Result
    ) async throws -> Result {
        let worker = Worker(
            service: service ?? self.service, transport: transport ?? self.transport,
            configuration: WorkerConfiguration(
                prefetch: prefetch, handlerTimeout: WorkerConfiguration.longestHandlerTimeout,
                gracePeriod: gracePeriod, retry: retry ?? self.retry,
                publishes: [Closed.eventType], clock: subject.clock, randomness: .constant(0.5)),
            logger: Logger(label: "conformance") { _ in SwiftLogNoOpLogHandler() }, subscriptions)
        return try await worker.running {
            try await eventually("the worker runs") { worker.state == .running }
            return try await body()
        }
    }

    /// Runs another client of the broker for the time of the body.
    func withClient<Result: Sendable>(
        _ body: (Subject.Subject) async throws -> Result
    ) async throws -> Result {
        let client = try await subject.makeTransport()
        return try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await client.run() }
            defer { group.cancelAll() }
            return try await body(client)
        }
    }
}
