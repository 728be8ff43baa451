import Testing

@testable import Harebell

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// The table in `DeliveryMachine`, row by row, without I/O.
@Suite struct DeliveryMachineTests {
    private let now = Date(timeIntervalSince1970: 1_767_225_600)
    private let failure = FailureDescription(type: "Boom", message: "boom", handler: "h", eventType: "a.b")
    private let transient = FailureClassification.transient(retryAfter: nil)

    private func machine(
        attempts: Int = 0, unhandledCount: Int = 0, firstFailedAt: Date? = nil, policy: RetryPolicy = .default
    ) -> Box<DeliveryMachine> {
        Box(
            DeliveryMachine(
                TransportDelivery(
                    receipt: DeliveryReceipt(epoch: 1, tag: 1), content: .failure(MalformedMessage(message: "unused")),
                    attempts: attempts, unhandledCount: unhandledCount, firstFailedAt: firstFailedAt, size: 0),
                handler: "h", policy: policy))
    }

    private func envelopes(_ count: Int) throws -> [Envelope] {
        try (0..<count).map { try Envelope(Ping(number: $0), producer: "p", id: EventID("\($0)")) }
    }

    private func record(attempts: Int, unhandledCount: Int = 0, firstFailedAt: Date? = nil) -> FailureRecord {
        FailureRecord(
            attempts: attempts, unhandledCount: unhandledCount, handler: "h", errorType: "Boom", errorMessage: "boom",
            fingerprint: failure.fingerprint, failedAt: now, firstFailedAt: firstFailedAt ?? now)
    }

    @Test func `the first call is attempt 1 and a retry carries on counting`() {
        let fresh = machine()
        #expect(fresh { $0.decoded() } == .callHandler(attempt: 1))
        let retried = machine(attempts: 4)
        #expect(retried { $0.decoded() } == .callHandler(attempt: 5))
        let forged = machine(attempts: -3)
        #expect(forged { $0.decoded() } == .callHandler(attempt: 1))
    }

    @Test func `a handler that returns with nothing to publish is acknowledged`() {
        let machine = machine()
        _ = machine { $0.decoded() }
        #expect(machine { $0.returned(holding: []) } == .settle(.handled))
    }

    @Test func `held-back events are published one by one, then acknowledged`() throws {
        let held = try envelopes(3)
        let machine = machine()
        _ = machine { $0.decoded() }
        #expect(machine { $0.returned(holding: held) } == .publish(held[0]))
        #expect(machine { $0.published() } == .publish(held[1]))
        #expect(machine { $0.published() } == .publish(held[2]))
        #expect(machine { $0.published() } == .settle(.handled))
    }

    @Test func `an event that cannot be published yet is tried again, the same one`() throws {
        let held = try envelopes(2)
        let machine = machine()
        _ = machine { $0.decoded() }
        _ = machine { $0.returned(holding: held) }
        _ = machine { $0.published() }
        #expect(machine { $0.notDurable(random: 0.5) } == .backOff(.milliseconds(100)))
        #expect(machine { $0.backedOff() } == .publish(held[1]))
        #expect(machine { $0.notDurable(random: 0.5) } == .backOff(.milliseconds(200)))
        #expect(machine { $0.backedOff() } == .publish(held[1]))
        #expect(machine { $0.published() } == .settle(.handled))
        #expect(machine.value.attempts == 1)
    }

    @Test func `an event that will never be accepted is a dead letter`() throws {
        let held = try envelopes(1)
        let machine = machine()
        _ = machine { $0.decoded() }
        _ = machine { $0.returned(holding: held) }
        let action = machine { $0.publishRefused(failure, now: now) }
        #expect(action == .storeDeadLetter(.permanent, record(attempts: 1)))
    }

    @Test func `ten failures in one process are the default policy's whole life`() {
        var actions: [DeliveryMachine.Action] = []
        var attempts = 0
        for _ in 0..<7 {
            let machine = machine(attempts: attempts, firstFailedAt: attempts == 0 ? nil : now)
            var action = machine { $0.decoded() }
            loop: while true {
                switch action {
                case .callHandler: action = machine { $0.failed(transient, failure, now: now, random: 0.5) }
                case .pause: action = machine { $0.paused() }
                default: break loop
                }
            }
            actions.append(action)
            attempts = machine.value.attempts
        }
        let delays: [Duration] = [1, 5, 30, 120, 600, 3_600].map { .seconds($0) }
        let expected: [DeliveryMachine.Action] =
            zip(delays, 4...).map { .storeRetry(after: $0, record(attempts: $1)) }
            + [.storeDeadLetter(.exhausted, record(attempts: 10))]
        #expect(actions == expected)
    }

    @Test func `an immediate retry pauses and calls again in place`() {
        let machine = machine(attempts: 1)
        _ = machine { $0.decoded() }
        #expect(machine { $0.failed(transient, failure, now: now, random: 0.5) } == .pause(.milliseconds(50)))
        #expect(machine { $0.paused() } == .callHandler(attempt: 3))
    }

    @Test func `a message that was held for too long waits in the transport instead`() {
        let machine = machine()
        _ = machine { $0.decoded() }
        let action = machine { $0.failed(transient, failure, now: now, random: 0.5, mayStay: { _ in false }) }
        #expect(action == .storeRetry(after: .seconds(1), record(attempts: 1)))
    }

    @Test func `the first failure is the first attempt's, also when a later one is stored`() {
        let machine = machine(policy: RetryPolicy(immediate: [.zero], delayed: []))
        _ = machine { $0.decoded() }
        _ = machine { $0.failed(transient, failure, now: now.addingTimeInterval(-9), random: 0.5) }
        _ = machine { $0.paused() }
        let action = machine { $0.failed(transient, failure, now: now, random: 0.5) }
        #expect(
            action == .storeDeadLetter(.exhausted, record(attempts: 2, firstFailedAt: now.addingTimeInterval(-9))))
    }

    @Test func `a permanent error is stored as a dead letter at once`() {
        let machine = machine()
        _ = machine { $0.decoded() }
        let action = machine { $0.failed(.permanent, failure, now: now, random: 0.5) }
        #expect(action == .storeDeadLetter(.permanent, record(attempts: 1)))
        #expect(machine { $0.stored() } == .settle(.deadLettered(.permanent, record(attempts: 1))))
    }

    @Test func `a retry-after is stored as that delay and counted`() {
        let machine = machine()
        _ = machine { $0.decoded() }
        let action = machine { $0.failed(.transient(retryAfter: .seconds(7)), failure, now: now, random: 0.5) }
        #expect(action == .storeRetry(after: .seconds(7), record(attempts: 1)))
    }

    @Test func `poison costs no attempt`() {
        let machine = machine(attempts: 2)
        #expect(machine { $0.poisoned(failure, now: now) } == .storeDeadLetter(.poison, record(attempts: 2)))
    }

    @Test func `an unhandled event is counted apart from attempts`() {
        let machine = machine(attempts: 2, unhandledCount: 4)
        #expect(
            machine { $0.unhandled(failure, now: now, random: 0.5) }
                == .storeRetry(after: .seconds(600), record(attempts: 2, unhandledCount: 5)))
    }

    @Test func `an event that stays unhandled is a dead letter at the sixth visit`() {
        let machine = machine(unhandledCount: 5)
        #expect(
            machine { $0.unhandled(failure, now: now, random: 0.5) }
                == .storeDeadLetter(.unhandled, record(attempts: 0, unhandledCount: 6)))
    }

    @Test func `a copy that cannot be stored is stored again, the same one`() {
        let machine = machine(policy: .none)
        _ = machine { $0.decoded() }
        let store = machine { $0.failed(transient, failure, now: now, random: 0.5) }
        for delay in [100, 200, 400, 800] {
            #expect(machine { $0.notDurable(random: 0.5) } == .backOff(.milliseconds(delay)))
            #expect(machine { $0.backedOff() } == store)
        }
        #expect(machine { $0.stored() } == .settle(.deadLettered(.exhausted, record(attempts: 1))))
    }

    @Test func `the first failure's time is kept`() {
        let first = now.addingTimeInterval(-3_600)
        let machine = machine(attempts: 3, firstFailedAt: first)
        _ = machine { $0.decoded() }
        let action = machine { $0.failed(transient, failure, now: now, random: 0.5) }
        #expect(action == .storeRetry(after: .seconds(1), record(attempts: 4, firstFailedAt: first)))
    }

    @Test func `shutdown hands back from every state`() throws {
        let held = try envelopes(1)
        let calling = machine()
        _ = calling { $0.decoded() }
        #expect(calling { $0.shutDown() } == .settle(.released))
        let publishing = machine()
        _ = publishing { $0.decoded() }
        _ = publishing { $0.returned(holding: held) }
        _ = publishing { $0.notDurable(random: 0.5) }
        #expect(publishing { $0.shutDown() } == .settle(.released))
        let storing = machine()
        _ = storing { $0.poisoned(failure, now: now) }
        #expect(storing { $0.shutDown() } == .settle(.released))
    }

    @Test func `reports that make no sense hand back and never acknowledge`() {
        let received = machine()
        #expect(received { $0.stored() } == .settle(.released))
        let calling = machine()
        _ = calling { $0.decoded() }
        #expect(calling { $0.published() } == .settle(.released))
        #expect(calling { $0.backedOff() } == .settle(.released))
        #expect(calling { $0.notDurable(random: 0) } == .settle(.released))
    }
}
