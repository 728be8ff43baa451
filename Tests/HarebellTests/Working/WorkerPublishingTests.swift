import Harebell
import HarebellTesting
import Testing

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// Events that handlers publish: held back until the handler returns, confirmed before the acknowledgement.
@Suite(.timeLimit(.minutes(1))) struct WorkerPublishingTests {
    private func publishes(_ count: Int, thenThrows error: (any Error)? = nil) -> Subscription {
        Subscription(to: LoanOpened.self, name: "open") { _, context in
            for number in 0..<count { try context.publish(Ping(number: number)) }
            if let error { throw error }
        }
    }

    @Test func `events go out in order after the handler returned, before the acknowledgement`() async throws {
        let bench = Bench()
        let id = try bench.send(LoanOpened(loanID: "L1"))
        let settledBefore = Observed<[Int]>([])
        bench.transport.before(.publish) { _ in settledBefore.update { $0.append(bench.settlements.count) } }
        try await bench.worker { publishes(3) }.running { try await bench.settled() }
        #expect(try bench.transport.published(Ping.self).map(\.number) == [0, 1, 2])
        #expect(settledBefore.value == [0, 0, 0])
        #expect(bench.settlements == [.acknowledged(id)])
    }

    @Test func `nothing goes out while the handler runs`() async throws {
        let bench = Bench()
        try bench.send(LoanOpened(loanID: "L1"))
        let published = Observed(-1)
        try await bench.worker {
            Subscription(to: LoanOpened.self) { _, context in
                try context.publish(Ping(number: 1))
                await Task.yield()
                published.update { $0 = bench.transport.published.count }
            }
        }.running { try await bench.settled() }
        #expect(published.value == 0)
        #expect(bench.transport.published.count == 1)
    }

    @Test func `nothing goes out when the handler throws`() async throws {
        let bench = Bench()
        try bench.send(LoanOpened(loanID: "L1"))
        try await bench.worker { publishes(3, thenThrows: Boom()) }.running { try await bench.drain() }
        #expect(bench.transport.published.isEmpty)
        #expect(bench.transport.calls(of: .publish) == 0)
        #expect(bench.deadLetters.count == 1)
    }

    @Test func `ids are derived, and correlation, causation and producer carried on`() async throws {
        let bench = Bench()
        let incoming = try Envelope(
            LoanOpened(loanID: "L1"), producer: "p", id: EventID("in"), correlationID: "corr",
            trace: TraceContext(traceparent: "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"))
        bench.transport.deliver(.success(incoming), to: bench.service)
        try await bench.worker { publishes(2) }.running { try await bench.settled() }
        let published = bench.transport.published
        #expect(
            published.map(\.id)
                == [0, 1].map {
                    EventID.derived(from: EventID("in"), service: "subject", handler: "open", index: $0)
                })
        for envelope in published {
            #expect(envelope.correlationID == "corr")
            #expect(envelope.causationID == "in")
            #expect(envelope.producer == "subject")
            #expect(envelope.trace == incoming.trace)
        }
    }

    @Test func `a second run publishes the same ids`() async throws {
        let bench = Bench()
        for _ in 0..<2 { try bench.send(LoanOpened(loanID: "L1"), id: EventID("same")) }
        try await bench.worker { publishes(2) }.running { try await bench.settled() }
        let ids = bench.transport.published.map(\.id)
        #expect(ids.count == 4)
        #expect(Set(ids).count == 2)
    }

    @Test func `a failed run's events do not shift the ids of the next run`() async throws {
        let bench = Bench()
        try bench.send(LoanOpened(loanID: "L1"), id: EventID("in"))
        try await bench.worker {
            Subscription(to: LoanOpened.self, name: "open") { _, context in
                try context.publish(Ping(number: context.attempt))
                if context.attempt == 1 { throw Boom() }
            }
        }.running { try await bench.settled() }
        #expect(try bench.transport.published(Ping.self).map(\.number) == [2])
        #expect(
            bench.transport.published.first?.id
                == EventID.derived(from: EventID("in"), service: "subject", handler: "open", index: 0))
    }

    @Test func `while publishing fails the message stays unacknowledged and the handler is not called again`()
        async throws
    {
        let bench = Bench(skipsSleeps: false)
        let id = try bench.send(LoanOpened(loanID: "L1"))
        bench.transport.fail(.publish)
        let calls = Observed(0)
        let worker = bench.worker {
            Subscription(to: LoanOpened.self) { _, context in
                calls.update { $0 += 1 }
                for number in 0..<2 { try context.publish(Ping(number: number)) }
            }
        }
        try await worker.running {
            for delay in [100, 200, 400] {
                try await bench.clock.waitForSleepers()
                #expect(worker.state == .blocked)
                #expect(bench.settlements.isEmpty)
                bench.clock.advance(by: .milliseconds(delay))
                try await bench.transport.waitForCalls(of: .publish, bench.transport.calls(of: .publish))
            }
            try await bench.clock.waitForSleepers()
            bench.transport.mend(.publish)
            bench.clock.advance(by: .seconds(1))
            try await bench.settled()
            #expect(worker.state == .running)
        }
        #expect(calls.value == 1)
        #expect(try bench.transport.published(Ping.self).map(\.number) == [0, 1])
        #expect(bench.settlements == [.acknowledged(id)])
    }

    @Test func `shutdown hands a message back whose events could not be published`() async throws {
        let bench = Bench(skipsSleeps: false)
        bench.transport.fail(.publish)
        var configuration = bench.configuration
        configuration.gracePeriod = .zero
        let id = try bench.send(LoanOpened(loanID: "L1"))
        try await Worker(
            service: bench.service, transport: bench.transport, configuration: configuration, logger: quiet
        ) {
            publishes(1)
        }.running { try await bench.clock.waitForSleepers() }
        #expect(bench.settlements == [.released(id)])
    }

    @Test func `an event that failed in the middle is repeated from there`() async throws {
        let bench = Bench()
        try bench.send(LoanOpened(loanID: "L1"))
        bench.transport.before(.publish) { envelope in
            if bench.transport.calls(of: .publish) == 2 { throw Boom() }
        }
        try await bench.worker { publishes(3) }.running { try await bench.settled() }
        #expect(try bench.transport.published(Ping.self).map(\.number) == [0, 1, 2])
        #expect(bench.transport.calls(of: .publish) == 4)
    }

    @Test func `an event that the transport will never take makes a dead letter`() async throws {
        let bench = Bench()
        try bench.send(LoanOpened(loanID: "L1"))
        bench.transport.fail(.publish, with: PermanentError("larger than 16 MiB"))
        try await bench.worker { publishes(1) }.running { try await bench.settled() }
        #expect(bench.deadLetters.map(\.reason) == [.permanent])
        #expect(bench.deadLetters.first?.record.errorMessage == "larger than 16 MiB")
        #expect(bench.acknowledged.isEmpty)
    }

    @Test func `a context that outlives its handler publishes nothing`() async throws {
        let bench = Bench()
        try bench.send(LoanOpened(loanID: "L1"))
        let kept = Observed<HandlerContext?>(nil)
        try await bench.worker {
            Subscription(to: LoanOpened.self) { _, context in kept.update { $0 = context } }
        }.running { try await bench.settled() }
        let context = try #require(kept.value)
        let error = try #require(throws: HarebellError.self) { try context.publish(Ping(number: 1)) }
        #expect(error.code == .contextClosed)
        #expect(bench.transport.published.isEmpty)
    }

    @Test func `a publisher outside a handler returns the id after the confirm`() async throws {
        let transport = InMemoryTransport()
        let publisher = Publisher(service: "payout", transport: transport)
        let id = try await publisher.publish(LoanOpened(loanID: "L1"), correlationID: "c")
        #expect(transport.published.map(\.id) == [id])
        #expect(transport.published.first?.correlationID == "c")
        #expect(transport.published.first?.producer == "payout")
        #expect(transport.unrouted.map(\.id) == [id])
    }

    @Test func `a publisher passes the transport's error on`() async throws {
        let transport = InMemoryTransport()
        transport.fail(.publish, with: Boom())
        await #expect(throws: Boom.self) {
            try await Publisher(service: "payout", transport: transport).publish(Ping(number: 1))
        }
        #expect(transport.published.isEmpty)
    }
}
