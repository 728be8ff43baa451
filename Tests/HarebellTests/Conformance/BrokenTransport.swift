import Harebell
import HarebellTesting
import ServiceLifecycle

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// The in-memory transport with one defect.
struct BrokenTransport: Transport {
    let inner: InMemoryTransport
    let defect: Defect
    /// What was published last, and whether it is yet to be stored.
    private let held = Observed<[Envelope]>([])
    private let count = Observed(0)

    init(_ inner: InMemoryTransport, _ defect: Defect) {
        self.inner = inner
        self.defect = defect
    }

    func run() async throws { try await inner.run() }

    func publish(_ envelope: Envelope) async throws {
        let number = count.update { count in
            count += 1
            return count
        }
        var envelope = envelope
        switch defect {
        case .losesEvents where number % 10 == 0: return
        case .publishesTwice where number % 10 == 0: try await inner.publish(envelope)
        case .losesCorrelation: envelope.correlationID = envelope.id.rawValue
        case .encodesAgain:
            let value = try? JSONDecoder().decode([String: Double].self, from: Data(envelope.body))
            if let value { envelope.body = Array(try JSONEncoder().encode(value)) }
        case .forgetsOrder:
            // Every second event overtakes the one before it; the last one waits for nobody.
            let before = held.update { held in
                defer { held = number % 4 == 1 ? [envelope] : [] }
                return held
            }
            guard number % 4 != 1 else { return }
            try await inner.publish(envelope)
            for envelope in before { try await inner.publish(envelope) }
            return
        default: break
        }
        try await inner.publish(envelope)
    }

    func open(_ description: EndpointDescription) async throws -> BrokenEndpoint {
        var description = description
        if defect == .exceedsPrefetch { description.prefetch += 1 }
        if defect == .subscribesToAll { description.subscribes = ["conformance.opened", "conformance.closed"] }
        return BrokenEndpoint(
            inner: try await inner.open(description), defect: defect, transport: self, service: description.service)
    }
}

/// Its endpoint.
struct BrokenEndpoint: TransportEndpoint {
    let inner: InMemoryEndpoint
    let defect: Defect
    let transport: BrokenTransport
    let service: ServiceName
    private let unsettled = Observed<[DeliveryReceipt: TransportDelivery]>([:])
    private let output: AsyncStream<TransportDelivery>.Continuation
    let deliveries: AsyncStream<TransportDelivery>
    private let released = Observed(0)

    init(inner: InMemoryEndpoint, defect: Defect, transport: BrokenTransport, service: ServiceName) {
        self.inner = inner
        self.defect = defect
        self.transport = transport
        self.service = service
        (deliveries, output) = AsyncStream.makeStream()
        let (unsettled, output) = (unsettled, output)
        // Ends with the inner stream, which every scenario closes.
        Task {
            for await delivery in inner.deliveries {
                unsettled.update { $0[delivery.receipt] = delivery }
                output.yield(delivery)
            }
            if defect != .neverEnds { output.finish() }
        }
    }

    private var broker: InMemoryTransport { transport.inner }

    /// The delivery itself, or the newest one of its message.
    private func current(_ delivery: TransportDelivery) -> TransportDelivery {
        guard defect == .settlesStaleDeliveries else { return delivery }
        let id = try? delivery.content.get().id
        return unsettled.value.values.filter { (try? $0.content.get().id) == id }
            .max { $0.receipt.tag < $1.receipt.tag } ?? delivery
    }

    private func isHeld(_ delivery: TransportDelivery) -> Bool {
        unsettled.update { $0.removeValue(forKey: delivery.receipt) } != nil
    }

    func isCurrent(_ delivery: TransportDelivery) -> Bool { true }

    func acknowledge(_ delivery: TransportDelivery) {
        let delivery = current(delivery)
        let isHeld = isHeld(delivery)
        switch defect {
        case .dropsAcknowledgements: return
        case .settlesTwice where isHeld: inner.release(delivery)
        default: inner.acknowledge(delivery)
        }
    }

    func release(_ delivery: TransportDelivery) {
        let delivery = current(delivery)
        let isHeld = isHeld(delivery)
        switch defect {
        case .acknowledgesWhatIsHandedBack: inner.acknowledge(delivery)
        case .countsHandingBack where isHeld:
            inner.acknowledge(delivery)
            broker.deliver(delivery.content, to: service, attempts: delivery.attempts + 1, deliveryCount: 1)
        case .requeuesAtTheEnd where isHeld:
            inner.acknowledge(delivery)
            broker.deliver(delivery.content, to: service, attempts: delivery.attempts, deliveryCount: 1)
        default: inner.release(delivery)
        }
    }

    func take(_ taking: Taking) async -> Int { await inner.take(taking) }

    func retry(_ delivery: TransportDelivery, after delay: Duration, record: FailureRecord) async throws {
        let delivery = current(delivery)
        var record = record
        var delay = delay
        switch defect {
        case .losesAttempts: record.attempts = 0
        case .losesUnhandledCount: record.unhandledCount = 0
        case .losesFirstFailure: record.firstFailedAt = record.failedAt
        case .retriesEarly: delay = delay * 95 / 100
        case .retriesAtOnce: delay = .zero
        case .neverRetries: return inner.acknowledge(delivery)
        case .acknowledgesBeforeStoring: inner.acknowledge(delivery)
        case .retriesForEverybody where isHeld(delivery):
            inner.acknowledge(delivery)
            return try await broker.publish(delivery.content.get())
        case .newIDs where isHeld(delivery):
            inner.acknowledge(delivery)
            var envelope = try delivery.content.get()
            envelope.id = .make()
            return broker.deliver(
                .success(envelope), to: service, attempts: record.attempts, unhandledCount: record.unhandledCount)
        default: break
        }
        try await inner.retry(delivery, after: delay, record: record)
        _ = isHeld(delivery)
    }

    func deadLetter(_ delivery: TransportDelivery, reason: DeadLetterReason, record: FailureRecord) async throws {
        let delivery = current(delivery)
        var record = record
        switch defect {
        case .losesErrors: record.errorMessage = ""
        case .dropsDeadLetters: return inner.acknowledge(delivery)
        case .acknowledgesBeforeStoring: inner.acknowledge(delivery)
        default: break
        }
        try await inner.deadLetter(delivery, reason: defect == .wrongReason ? .exhausted : reason, record: record)
        _ = isHeld(delivery)
    }

    func stop() async {
        if defect != .takesAfterStop { await inner.stop() }
    }

    func close() async {
        if defect == .forgetsAtClose {
            for delivery in unsettled.update({ all in
                defer { all = [:] }; return all.values
            }) {
                inner.acknowledge(delivery)
            }
        }
        await inner.close()
    }
}

/// The broken transport under the conformance suite; waits shorter, for it waits for what never comes.
struct BrokenTransportUnderTest: TransportUnderTest {
    private let sound: InMemoryTransportUnderTest
    private let transport: BrokenTransport

    init(_ defect: Defect) {
        sound = InMemoryTransportUnderTest(patience: .seconds(1))
        transport = BrokenTransport(sound.broker, defect)
    }

    var clock: WorkerClock { sound.clock }
    var isClockManual: Bool { sound.isClockManual }
    var delay: Duration { sound.delay }
    var patience: Duration { sound.patience }

    func makeTransport() async throws -> BrokenTransport { transport }
    func elapse(_ duration: Duration) async throws { sound.elapse(duration) }
    func depth(of service: ServiceName) async throws -> TransportDepth { sound.depth(of: service) }
    func deadLetters(of service: ServiceName) async throws -> [StoredDeadLetter] { sound.deadLetters(of: service) }
    func replayDeadLetters(of service: ServiceName) async throws { sound.replayDeadLetters(of: service) }
    func unrouted() async throws -> [EventID] { sound.unrouted() }
    func putMalformed(to service: ServiceName) async throws { sound.putMalformed(to: service) }
    func loseConnections() async throws { sound.loseConnections() }
    func preventStoring(of service: ServiceName) async throws { sound.preventStoring(of: service) }
    func allowStoring(of service: ServiceName) async throws { sound.allowStoring(of: service) }
}
