import Harebell
import HarebellTesting
import Testing

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

@Suite(.timeLimit(.minutes(1))) struct ManualClockTests {
    @Test func `the clock stands still until it is moved`() {
        let clock = ManualClock(startingAt: Date(timeIntervalSince1970: 100))
        #expect(clock.now == Date(timeIntervalSince1970: 100))
        clock.advance(by: .milliseconds(1_500))
        #expect(clock.now == Date(timeIntervalSince1970: 101.5))
        clock.advance(to: .zero)
        #expect(clock.uptime == .milliseconds(1_500))
    }

    @Test func `sleepers wake in the order of their time`() async throws {
        let clock = ManualClock()
        let woken = Observed<[Int]>([])
        try await withThrowingTaskGroup(of: Void.self) { group in
            for seconds in [30, 10, 20] {
                group.addTask {
                    try await clock.sleep(for: .seconds(seconds))
                    woken.update { $0.append(seconds) }
                }
            }
            try await clock.waitForSleepers(3)
            for count in 1...3 {
                clock.advance(by: .seconds(10))
                try await woken.wait { $0.count == count }
            }
            try await group.waitForAll()
        }
        #expect(woken.value == [10, 20, 30])
    }

    @Test func `a cancelled sleeper throws`() async throws {
        let clock = ManualClock()
        let sleeper = Task { try await clock.sleep(for: .seconds(1)) }
        try await clock.waitForSleepers()
        sleeper.cancel()
        await #expect(throws: CancellationError.self) { try await sleeper.value }
    }

    @Test func `a clock that skips sleeps moves by them`() async throws {
        let clock = ManualClock(skipsSleeps: true)
        try await clock.sleep(for: .seconds(3_600))
        #expect(clock.uptime == .seconds(3_600))
        #expect(clock.sleeps == [.seconds(3_600)])
    }

    @Test func `randomness repeats for its seed`() {
        let draw = { (seed: UInt64) in
            let random = Randomness.seeded(seed)
            return (0..<20).map { _ in random.next() }
        }
        #expect(draw(1) == draw(1))
        #expect(draw(1) != draw(2))
        #expect(draw(3).allSatisfy { (0..<1).contains($0) })
    }

    @Test func `a condition that does not come true ends the wait`() async throws {
        let observed = Observed(1)
        let error = await #expect(throws: WaitedTooLong.self) {
            try await observed.wait(within: .milliseconds(1)) { $0 == 2 }
        }
        #expect(error?.description.contains("it is 1") == true)
    }
}

@Suite(.timeLimit(.minutes(1))) struct InMemoryTransportTests {
    private func description(_ service: ServiceName, prefetch: Int = 10) -> EndpointDescription {
        EndpointDescription(service: service, subscribes: ["test.ping"], prefetch: prefetch)
    }

    private func ping(_ number: Int) throws -> Envelope { try Envelope(Ping(number: number), producer: "p") }

    @Test func `an event reaches every bound service and no other`() async throws {
        let transport = InMemoryTransport()
        _ = try await transport.open(description("a"))
        _ = try await transport.open(description("b"))
        _ = try await transport.open(EndpointDescription(service: "c", subscribes: ["test.other"]))
        try await transport.publish(ping(1))
        #expect(transport.depth(of: "a").unsettled == 1)
        #expect(transport.depth(of: "b").unsettled == 1)
        #expect(transport.depth(of: "c") == .init())
        #expect(transport.unrouted.isEmpty)
    }

    @Test func `no more is delivered than the prefetch`() async throws {
        let transport = InMemoryTransport()
        let endpoint = try await transport.open(description("a", prefetch: 2))
        for number in 1...5 { try await transport.publish(ping(number)) }
        #expect(transport.depth(of: "a") == .init(ready: 3, unsettled: 2))
        var iterator = endpoint.deliveries.makeAsyncIterator()
        let first = try #require(await iterator.next())
        endpoint.acknowledge(first)
        endpoint.acknowledge(first)
        #expect(transport.depth(of: "a") == .init(ready: 2, unsettled: 2))
    }

    @Test func `a released message returns to its place and is marked`() async throws {
        let transport = InMemoryTransport()
        let endpoint = try await transport.open(description("a", prefetch: 1))
        let envelopes = try (1...3).map { try ping($0) }
        for envelope in envelopes { try await transport.publish(envelope) }
        var iterator = endpoint.deliveries.makeAsyncIterator()
        let first = try #require(await iterator.next())
        endpoint.release(first)
        let again = try #require(await iterator.next())
        #expect(try again.content.get() == envelopes[0])
        #expect(again.isRedelivered)
        #expect(again.attempts == 0)
    }

    @Test func `a delayed copy comes back at its time and not before`() async throws {
        let transport = InMemoryTransport(clock: ManualClock())
        let endpoint = try await transport.open(description("a"))
        try await transport.publish(ping(1))
        var iterator = endpoint.deliveries.makeAsyncIterator()
        let delivery = try #require(await iterator.next())
        let record = FailureRecord(
            attempts: 4, unhandledCount: 1, errorType: "E", errorMessage: "m", fingerprint: "f",
            failedAt: transport.clock.now, firstFailedAt: transport.clock.now)
        try await endpoint.retry(delivery, after: .seconds(60), record: record)
        transport.clock.advance(by: .seconds(59))
        #expect(transport.depth(of: "a") == .init(delayed: 1))
        transport.clock.advance(by: .seconds(1))
        let copy = try #require(await iterator.next())
        #expect(copy.attempts == 4)
        #expect(copy.unhandledCount == 1)
        #expect(copy.firstFailedAt == record.firstFailedAt)
    }

    @Test func `closing puts back what is unsettled, and stale receipts are ignored`() async throws {
        let transport = InMemoryTransport()
        let endpoint = try await transport.open(description("a"))
        try await transport.publish(ping(1))
        var iterator = endpoint.deliveries.makeAsyncIterator()
        let delivery = try #require(await iterator.next())
        await endpoint.stop()
        #expect(await iterator.next() == nil)
        await endpoint.close()
        #expect(transport.depth(of: "a") == .init(ready: 1))
        endpoint.acknowledge(delivery)
        endpoint.release(delivery)
        #expect(transport.depth(of: "a") == .init(ready: 1))
        #expect(transport.settlements(of: "a").isEmpty)
    }

    @Test func `operations fail as often as asked`() async throws {
        let transport = InMemoryTransport()
        transport.fail(.publish, times: 2)
        for _ in 0..<2 {
            await #expect(throws: InMemoryTransport.Fault.self) { try await transport.publish(ping(1)) }
        }
        try await transport.publish(ping(2))
        #expect(transport.calls(of: .publish) == 3)
        #expect(transport.published.count == 1)
    }
}
