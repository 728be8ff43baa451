import Foundation
import HTTPTypes
import Harebell
import HarebellTesting
import HummingbirdTesting
import LoanEvents
import ServiceLifecycle
import Synchronization
import TestSupport
import Testing

@testable import PayoutService

/// A number that tasks share.
private final class Counter: Sendable {
    let value = Mutex(0)
}

/// Refused for good.
private struct Refused: FailureClassifying {
    var failureClassification: FailureClassification { .permanent }
}

/// What a broker does not take of one type, now.
private struct NotTaken: Error {}

/// A transport that is up, and does not take everything.
private struct PickyTransport: Transport {
    let inner: InMemoryTransport

    func run() async throws { try await inner.run() }
    func publish(_ envelope: Envelope) async throws { try await inner.publish(envelope) }
    func open(_ description: EndpointDescription) async throws -> InMemoryTransport.Endpoint {
        try await inner.open(description)
    }
    func isAboutEvent(_ error: any Error) -> Bool { error is NotTaken }
}

@Suite(.timeLimit(.minutes(1)))
struct `The relay` {
    private let quick = RelayPolicy(
        batch: 4, poll: .milliseconds(50), firstBackoff: .milliseconds(1), longestBackoff: .milliseconds(5),
        flush: .milliseconds(500))

    private func relay(_ store: PayoutStore, _ transport: InMemoryTransport, _ policy: RelayPolicy? = nil)
        -> OutboxRelay<InMemoryTransport>
    {
        OutboxRelay(
            store: store, transport: transport, health: RelayHealth(), logger: silent, policy: policy ?? quick)
    }

    /// Runs the relay for the duration of a test.
    private func running<R: Sendable>(
        _ relay: OutboxRelay<InMemoryTransport>, _ body: @Sendable () async throws -> R
    ) async throws -> R {
        try await withThrowingTaskGroup(of: Void.self) { tasks in
            tasks.addTask { try? await relay.run() }
            defer { tasks.cancelAll() }
            return try await body()
        }
    }

    @Test func `publishes in the order of the commits and marks what is confirmed`() async throws {
        try await withStore { store, _ in
            let transport = InMemoryTransport()
            var ids: [String] = []
            for _ in 0..<10 {
                let loan = try await store.execute(creating(), key: nil, correlationID: "c")
                let paid = try await store.execute(
                    .payOut(loanID: loan.loanID, reference: nil), key: nil, correlationID: "c")
                ids += [loan.eventID, paid.eventID]
            }
            let expected = ids
            try await running(relay(store, transport)) {
                try await eventually { try await store.backlog().count == 0 }
                #expect(transport.published.map(\.id.rawValue) == expected)
            }
        }
    }

    @Test func `is woken by a commit`() async throws {
        try await withStore { store, _ in
            let transport = InMemoryTransport()
            var slow = quick
            slow.poll = .seconds(600)
            try await running(relay(store, transport, slow)) {
                for count in 1...20 {
                    _ = try await store.execute(creating(), key: nil, correlationID: "c")
                    try await eventually { transport.published.count == count }
                }
            }
        }
    }

    @Test func `keeps every event while the broker is down and sends them when it is back`() async throws {
        try await withStore { store, _ in
            let transport = InMemoryTransport()
            transport.fail(.publish)
            try await running(relay(store, transport)) {
                try await withAPI(on: store) { client in
                    for _ in 0..<10 {
                        let id = try await client.createLoan()
                        #expect(try await client.post("/loans/\(id)/payout").response.status == .ok)
                    }
                }
                try await transport.waitForCalls(of: .publish, 3)
                #expect(transport.published.isEmpty)
                #expect(try await store.backlog().count == 20)

                transport.mend(.publish)
                try await eventually { try await store.backlog().count == 0 }
                #expect(transport.published.count == 20)
                for id in Set(transport.published.compactMap(\.partitionKey)) {
                    let types = transport.published.filter { $0.partitionKey == id }.map(\.type)
                    #expect(types == ["loan.created", "loan.paid-out"])
                }
            }
        }
    }

    @Test func `stops at the first failure, so that nothing is overtaken`() async throws {
        try await withStore { store, _ in
            let transport = InMemoryTransport()
            var ids: [String] = []
            for _ in 0..<4 {
                ids.append(try await store.execute(creating(), key: nil, correlationID: "c").eventID)
            }
            let failing = ids[2]
            transport.before(.publish) { if $0?.id.rawValue == failing { throw InMemoryTransport.Fault() } }
            let relay = relay(store, transport)
            #expect(await relay.round() == .failed)
            #expect(transport.published.map(\.id.rawValue) == Array(ids[..<2]))
            #expect(try await store.unpublished(limit: 10).map(\.envelope.id.rawValue) == Array(ids[2...]))

            transport.before(.publish, nil)
            #expect(await relay.round() == .progress)
            #expect(await relay.round() == .empty)
            #expect(transport.published.map(\.id.rawValue) == ids)
        }
    }

    @Test func `sets an event aside that is refused for good, with the later ones of its loan only`() async throws {
        try await withStore { store, _ in
            let transport = InMemoryTransport()
            let first = try await store.execute(creating(), key: nil, correlationID: "c")
            let second = try await store.execute(creating(), key: nil, correlationID: "c")
            for loan in [first, second] {
                _ = try await store.execute(.cancel(loanID: loan.loanID, reason: ""), key: nil, correlationID: "c")
            }
            transport.before(.publish) { if $0?.id.rawValue == first.eventID { throw Refused() } }
            let relay = relay(store, transport)
            #expect(await relay.round() == .progress)
            #expect(await relay.round() == .empty)
            #expect(transport.published.map(\.partitionKey) == [second.loanID, second.loanID])
            #expect(try await store.backlog().count == 2)

            // Its time comes again, and by then the broker takes it.
            transport.before(.publish, nil)
            try await store.run("UPDATE outbox SET parked_until = 0 WHERE parked_until IS NOT NULL")
            #expect(await relay.round() == .progress)
            #expect(await relay.round() == .progress)
            #expect(transport.published.suffix(2).map(\.type) == ["loan.created", "loan.canceled"])
            #expect(try await store.backlog().count == 0)
        }
    }

    /// The process dies after the commit and before the publish.
    @Test func `events of a type that is not taken hold up nobody else's, however many there are`() async throws {
        try await withStore { store, _ in
            let transport = InMemoryTransport()
            let tried = Counter()
            transport.before(.publish) { envelope in
                guard envelope?.type == "loan.created" else { return }
                tried.value.withLock { $0 += 1 }
                throw NotTaken()
            }
            // More of them than a round has room for, and they come first.
            for _ in 0..<10 { _ = try await store.execute(creating(), key: nil, correlationID: "c") }
            let relay = OutboxRelay(
                store: store, transport: PickyTransport(inner: transport), health: RelayHealth(), logger: silent,
                policy: quick)
            for _ in 0..<3 { #expect(await relay.round() == .progress) }
            #expect(await relay.round() == .empty)
            #expect(tried.value.withLock { $0 } == 1)

            // Their time has come: one is tried each round, after what is new.
            try await store.run("UPDATE outbox SET parked_until = 0 WHERE parked_until IS NOT NULL")
            let rows = try await store.unpublished(limit: 100)
            #expect(rows.count == 1 && rows[0].isParked)
            transport.before(.publish, nil)
            for _ in 0..<10 { #expect(await relay.round() == .progress) }
            #expect(await relay.round() == .empty)
            #expect(transport.published.count == 10)
        }
    }

    @Test func `what is longer not taken waits longer, up to a limit`() {
        let policy = RelayPolicy()
        #expect(policy.parking(afterWaiting: .zero) == .seconds(60))
        #expect(policy.parking(afterWaiting: .seconds(300)) == .seconds(150))
        #expect(policy.parking(afterWaiting: .seconds(86_400)) == .seconds(600))
    }

    @Test func `a round ends when it has taken long, and each event is progress`() async throws {
        try await withStore { store, _ in
            let transport = InMemoryTransport()
            for _ in 0..<4 { _ = try await store.execute(creating(), key: nil, correlationID: "c") }
            // Three together take longer than the relay may take for one.
            transport.before(.publish) { _ in try await Task.sleep(for: .milliseconds(400)) }
            var policy = quick
            policy.longestRound = .milliseconds(1_000)
            let relay = OutboxRelay(
                store: store, transport: transport, health: RelayHealth(limit: .milliseconds(1_000)), logger: silent,
                policy: policy)
            #expect(await relay.round() == .progress)
            #expect(!relay.health.isStuck)
            #expect(try await store.backlog().count == 1)
        }
    }

    @Test func `what was confirmed is marked also when the task is cancelled`() async throws {
        try await withStore { store, _ in
            let transport = InMemoryTransport()
            for _ in 0..<2 { _ = try await store.execute(creating(), key: nil, correlationID: "c") }
            let published = Counter()
            let (second, reached) = AsyncStream<Void>.makeStream()
            transport.before(.publish) { _ in
                guard
                    published.value.withLock({ value in
                        value += 1
                        return value == 2
                    })
                else { return }
                reached.yield()
                try await Task.sleep(for: .seconds(60))
            }
            let relay = relay(store, transport)
            let round = Task { await relay.round() }
            for await _ in second { break }
            round.cancel()
            _ = await round.value
            #expect(try await store.backlog().count == 1)
        }
    }

    @Test func `that it lives is asked without the store`() async throws {
        try await withStore { store, _ in
            let relay = relay(store, InMemoryTransport())
            #expect(await relay.liveness().stuck == nil)
            let stuck = OutboxRelay(
                store: store, transport: InMemoryTransport(), health: RelayHealth(limit: .zero), logger: silent)
            #expect(await stuck.liveness().stuck == "the relay makes no progress")
        }
    }

    @Test func `publishes after a crash what the process before it committed`() async throws {
        try await withTemporaryDirectory { folder in
            let path = folder + "/payout.sqlite"
            let before = try await PayoutStore.open(path: path)
            let outcome = try await before.execute(creating(), key: nil, correlationID: "c")
            try await before.close()

            let after = try await PayoutStore.open(path: path)
            let transport = InMemoryTransport()
            #expect(await relay(after, transport).round() == .progress)
            #expect(transport.published.map(\.id.rawValue) == [outcome.eventID])
        }
    }

    /// The process dies after the confirm and before the mark.
    @Test func `publishes under the same id after a crash between confirm and mark`() async throws {
        try await withTemporaryDirectory { folder in
            let path = folder + "/payout.sqlite"
            let transport = InMemoryTransport()
            let before = try await PayoutStore.open(path: path)
            let outcome = try await before.execute(creating(), key: nil, correlationID: "c")
            let row = try #require(try await before.unpublished(limit: 1).first)
            try await transport.publish(row.envelope)
            try await before.close()

            let after = try await PayoutStore.open(path: path)
            #expect(await relay(after, transport).round() == .progress)
            #expect(transport.published.map(\.id.rawValue) == [outcome.eventID, outcome.eventID])
            #expect(transport.published[0] == transport.published[1])
        }
    }

    @Test func `does not make a payout wait for a broker that hangs`() async throws {
        try await withStore { store, _ in
            let transport = InMemoryTransport()
            transport.before(.publish) { _ in try await Task.sleep(for: .seconds(600)) }
            try await running(relay(store, transport)) {
                try await withAPI(on: store) { client in
                    let id = try await client.createLoan()
                    try await transport.waitForCalls(of: .publish, 1)
                    let start = ContinuousClock.now
                    #expect(try await client.post("/loans/\(id)/payout").response.status == .ok)
                    #expect(ContinuousClock.now - start < .seconds(5))
                }
            }
        }
    }

    @Test func `publishes what is left before it stops`() async throws {
        try await withStore { store, _ in
            let transport = InMemoryTransport()
            var slow = quick
            slow.poll = .seconds(600)
            let group = ServiceGroup(
                configuration: .init(services: [relay(store, transport, slow)], logger: silent))
            for _ in 0..<10 {
                _ = try await store.execute(creating(), key: nil, correlationID: "c")
            }
            try await withThrowingTaskGroup(of: Void.self) { tasks in
                tasks.addTask { try await group.run() }
                try await transport.waitForCalls(of: .publish, 1)
                await group.triggerGracefulShutdown()
                try await tasks.waitForAll()
            }
            #expect(transport.published.count == 10)
            #expect(try await store.backlog().count == 0)
        }
    }

    @Test func `stops in time when the broker is down, and loses nothing`() async throws {
        try await withStore { store, _ in
            let transport = InMemoryTransport()
            transport.before(.publish) { _ in try await Task.sleep(for: .seconds(600)) }
            let group = ServiceGroup(configuration: .init(services: [relay(store, transport)], logger: silent))
            _ = try await store.execute(creating(), key: nil, correlationID: "c")
            try await withThrowingTaskGroup(of: Void.self) { tasks in
                tasks.addTask { try await group.run() }
                try await transport.waitForCalls(of: .publish, 1)
                await group.triggerGracefulShutdown()
                try await tasks.waitForAll()
            }
            #expect(try await store.backlog().count == 1)
        }
    }

    @Test func `waits longer after each failure, up to a limit, at random`() {
        let policy = RelayPolicy()
        #expect(policy.backoff(failures: 1, random: 0) == .milliseconds(50))
        #expect(policy.backoff(failures: 2, random: 0) == .milliseconds(100))
        #expect(policy.backoff(failures: 1_000, random: 0) == .milliseconds(2_500))
        #expect(policy.backoff(failures: 1_000, random: 0.999) <= policy.longestBackoff)
    }
}

@Suite(.timeLimit(.minutes(1)))
struct `A wake signal` {
    @Test func `keeps a ring until someone waits`() async {
        let signal = WakeSignal()
        signal.ring()
        signal.ring()
        await signal.wait(atMost: .seconds(600))
    }

    @Test func `ends a wait after its time and when the task is cancelled`() async {
        let signal = WakeSignal()
        await signal.wait(atMost: .milliseconds(1))
        let task = Task { await signal.wait(atMost: .seconds(600)) }
        task.cancel()
        await task.value
    }

    @Test func `loses no ring between waiting and ringing`() async {
        let signal = WakeSignal()
        let seen = Counter()
        await withTaskGroup { tasks in
            tasks.addTask {
                for _ in 0..<500 {
                    await signal.wait(atMost: .seconds(600))
                    seen.value.withLock { $0 += 1 }
                }
            }
            tasks.addTask {
                for count in 1...500 {
                    signal.ring()
                    while seen.value.withLock({ $0 }) < count { await Task.yield() }
                }
            }
        }
        #expect(seen.value.withLock { $0 } == 500)
    }
}
