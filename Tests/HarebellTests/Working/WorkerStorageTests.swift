import Harebell
import HarebellTesting
import Testing

/// The retry or the dead letter itself cannot be stored.
@Suite(.timeLimit(.minutes(1))) struct WorkerStorageTests {
    @Test(arguments: [InMemoryTransport.Operation.retry, .deadLetter])
    func `the message stays unacknowledged, nothing new is taken, the same is stored in the end`(
        operation: InMemoryTransport.Operation
    ) async throws {
        var bench = Bench(
            skipsSleeps: false,
            retry: RetryPolicy(immediate: [], delayed: operation == .retry ? [.seconds(60)] : []))
        bench.configuration.prefetch = 2
        bench.transport.fail(operation)
        try bench.send(Ping(number: 1))
        let calls = Observed<[Int]>([])
        let local = bench
        let worker = local.worker {
            Subscription(to: Ping.self) { event, _ in
                calls.update { $0.append(event.number) }
                if event.number == 1 { throw Boom() }
            }
        }
        try await worker.running {
            try await local.clock.waitForSleepers()
            #expect(worker.state == .blocked)
            for number in 2...5 { try local.send(Ping(number: number)) }
            for delay in [100, 200, 400, 800, 1_600] {
                let before = local.transport.calls(of: operation)
                local.clock.advance(by: .milliseconds(delay))
                try await local.transport.waitForCalls(of: operation, before + 1)
                try await local.clock.waitForSleepers()
            }
            #expect(local.settlements.isEmpty)
            #expect(local.transport.depth(of: local.service).unsettled == 2)
            #expect(calls.value == [1])
            local.transport.mend(operation)
            local.clock.advance(by: .seconds(60))
            try await local.transport.wait(for: local.service) { $0.ready == 0 && $0.unsettled == 0 }
            #expect(worker.state == .running)
        }
        #expect(Set(calls.value) == [1, 2, 3, 4, 5])
        #expect(local.acknowledged.count == 4)
        switch operation {
        case .retry: #expect(local.transport.retryDelays(of: local.service) == [.seconds(60)])
        default: #expect(local.deadLetters.map(\.reason) == [.exhausted])
        }
    }

    @Test func `shutdown hands such a message back, uncounted`() async throws {
        let bench = Bench(skipsSleeps: false, retry: .none)
        bench.transport.fail(.deadLetter)
        let id = try bench.send(Ping(number: 1), attempts: 2)
        var configuration = bench.configuration
        configuration.gracePeriod = .zero
        let worker = Worker(
            service: bench.service, transport: bench.transport, configuration: configuration, logger: quiet
        ) {
            Subscription(to: Ping.self) { _, _ in throw Boom() }
        }
        try await worker.running { try await bench.clock.waitForSleepers() }
        #expect(bench.settlements == [.released(id)])
        #expect(bench.transport.depth(of: bench.service).ready == 1)
        #expect(worker.state == .stopped)
    }

    @Test func `poison that cannot be put aside waits like any other`() async throws {
        let bench = Bench()
        bench.transport.fail(.deadLetter, times: 3)
        bench.transport.deliver(.failure(MalformedMessage(message: "x")), to: bench.service)
        try await bench.worker { Subscription(to: Ping.self) { _, _ in } }.running { try await bench.settled() }
        #expect(bench.deadLetters.count == 1)
        #expect(bench.clock.sleeps == [.milliseconds(100), .milliseconds(200), .milliseconds(400)])
    }

    @Test func `two messages that cannot be stored hold the gate until both are`() async throws {
        let bench = Bench(skipsSleeps: false, retry: .none)
        bench.transport.fail(.deadLetter)
        let latch = Latch()
        let begun = Observed(0)
        for number in 1...2 { try bench.send(Ping(number: number)) }
        let worker = bench.worker {
            Subscription(to: Ping.self) { _, _ in
                begun.update { $0 += 1 }
                try await latch.pass()
                throw Boom()
            }
        }
        try await worker.running {
            try await begun.wait { $0 == 2 }
            latch.open()
            try await bench.clock.waitForSleepers(2)
            bench.transport.fail(.deadLetter, times: 1)
            bench.clock.advance(by: .milliseconds(100))
            try await bench.transport.wait(for: bench.service) { $0.dead == 1 }
            try await bench.clock.waitForSleepers(1)
            #expect(worker.state == .blocked)
            bench.clock.advance(by: .milliseconds(200))
            try await bench.settled()
            #expect(worker.state == .running)
        }
        #expect(bench.deadLetters.count == 2)
    }
}
