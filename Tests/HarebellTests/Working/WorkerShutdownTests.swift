import Harebell
import HarebellTesting
import Testing

@Suite(.timeLimit(.minutes(1))) struct WorkerShutdownTests {
    @Test func `what is in flight is finished, what is new is not begun`() async throws {
        let bench = Bench()
        let latch = Latch()
        let first = try bench.send(LoanOpened(loanID: "L1", minorUnits: 1))
        let second = try bench.send(LoanOpened(loanID: "L1", minorUnits: 2))
        let begun = Observed<[Int64]>([])
        let worker = bench.worker {
            Subscription(to: LoanOpened.self) { event, _ in
                begun.update { $0.append(event.minorUnits) }
                try await latch.pass()
            }
        }
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                try await worker.running {
                    try await begun.wait { $0 == [1] }
                    try await bench.transport.wait(for: bench.service) { $0.unsettled == 2 }
                }
            }
            group.addTask {
                // Shutdown has begun when the grace period's alarm is set beside the handler's timeout.
                try await bench.clock.waitForAlarms(2)
                latch.open()
            }
            try await group.waitForAll()
        }
        #expect(begun.value == [1])
        #expect(bench.settlements == [.acknowledged(first), .released(second)])
        #expect(bench.transport.depth(of: bench.service) == .init(ready: 1))
    }

    @Test func `after the grace period the rest is cancelled and handed back in order, uncounted`() async throws {
        var bench = Bench()
        bench.configuration.prefetch = 4
        let ids = try (1...6).map { try bench.send(Ping(number: $0)) }
        let begun = Observed(0)
        let cancelled = Observed(0)
        let latch = Latch()
        let local = bench
        let worker = local.worker {
            Subscription(to: Ping.self) { _, _ in
                begun.update { $0 += 1 }
                do {
                    try await latch.pass()
                } catch {
                    cancelled.update { $0 += 1 }
                    throw Boom()
                }
            }
        }
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await worker.running { try await begun.wait { $0 == 4 } } }
            group.addTask {
                try await local.clock.waitForAlarms(2)
                local.clock.advance(by: .seconds(30))
            }
            try await group.waitForAll()
        }
        #expect(cancelled.value == 4)
        #expect(local.settlements == ids.prefix(4).map { .released($0) })
        #expect(local.transport.depth(of: local.service) == .init(ready: 6))
        #expect(local.transport.calls(of: .retry) == 0)
        #expect(local.deadLetters.isEmpty)
    }

    @Test func `messages that were handed back are handled in their old order by the next worker`() async throws {
        let bench = Bench()
        var configuration = bench.configuration
        configuration.gracePeriod = .zero
        for number in 1...5 { try bench.send(LoanOpened(loanID: "L1", minorUnits: Int64(number))) }
        let begun = Observed(false)
        let latch = Latch()
        let first = Worker(
            service: bench.service, transport: bench.transport, configuration: configuration, logger: quiet
        ) {
            Subscription(to: LoanOpened.self) { _, _ in
                begun.update { $0 = true }
                try await latch.pass()
            }
        }
        try await first.running { try await begun.wait { $0 } }
        let seen = Observed<[String]>([])
        try await bench.worker {
            Subscription(to: LoanOpened.self) { event, context in
                seen.update { $0.append("\(event.minorUnits)/\(context.attempt)") }
            }
        }.running { try await bench.settled() }
        #expect(seen.value == ["1/1", "2/1", "3/1", "4/1", "5/1"])
    }

    @Test func `a handler that finishes in spite of its cancellation is acknowledged`() async throws {
        let bench = Bench()
        var configuration = bench.configuration
        configuration.gracePeriod = .zero
        let id = try bench.send(Ping(number: 1))
        let begun = Observed(false)
        let latch = Latch()
        let worker = Worker(
            service: bench.service, transport: bench.transport, configuration: configuration, logger: quiet
        ) {
            Subscription(to: Ping.self) { _, _ in
                begun.update { $0 = true }
                try? await latch.pass()
            }
        }
        try await worker.running { try await begun.wait { $0 } }
        #expect(bench.settlements == [.acknowledged(id)])
    }

    @Test func `a handler that ignores its cancellation is handed back without waiting, and settled once`() async throws
    {
        let bench = Bench()
        var configuration = bench.configuration
        configuration.gracePeriod = .zero
        let id = try bench.send(Ping(number: 1))
        let begun = Observed(false)
        let cancelled = Observed(false)
        let latch = Latch()
        let worker = Worker(
            service: bench.service, transport: bench.transport, configuration: configuration, logger: quiet
        ) {
            Subscription(to: Ping.self) { _, _ in
                begun.update { $0 = true }
                await withTaskCancellationHandler {
                    await latch.passRegardless()
                } onCancel: {
                    cancelled.update { $0 = true }
                }
            }
        }
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await worker.running { try await begun.wait { $0 } } }
            group.addTask {
                try await cancelled.wait { $0 }
                // Cancelled handlers have a second to end; the clock moves until it is over.
                while bench.transport.depth(of: bench.service).ready == 0 {
                    bench.clock.advance(by: .milliseconds(100))
                    await Task.yield()
                }
                latch.open()
            }
            try await group.waitForAll()
        }
        #expect(bench.settlements == [.released(id)])
    }

    @Test func `cancellation of the worker hands everything back at once`() async throws {
        let bench = Bench()
        let ids = try (1...3).map { try bench.send(Ping(number: $0)) }
        let begun = Observed(0)
        let latch = Latch()
        let worker = bench.worker {
            Subscription(to: Ping.self) { _, _ in
                begun.update { $0 += 1 }
                try await latch.pass()
            }
        }
        let running = Task { try await worker.run() }
        try await begun.wait { $0 == 3 }
        running.cancel()
        try await running.value
        #expect(bench.settlements == ids.map { .released($0) })
        #expect(worker.state == .stopped)
    }

    @Test func `shutdown while the transport opens ends quietly`() async throws {
        let bench = Bench()
        let latch = Latch()
        bench.transport.before(.open) { _ in try await latch.pass() }
        let worker = bench.worker { Subscription(to: Ping.self) { _, _ in } }
        try await worker.running { try await bench.transport.waitForCalls(of: .open, 1) }
        #expect(worker.state == .stopped)
    }

    @Test func `an error of the transport while it opens ends the worker with it`() async throws {
        let bench = Bench()
        bench.transport.fail(.open, with: Boom())
        let worker = bench.worker { Subscription(to: Ping.self) { _, _ in } }
        await #expect(throws: Boom.self) { try await worker.run() }
    }

    @Test func `deliveries that end by themselves are an error, after the running handlers`() async throws {
        let bench = Bench()
        let id = try bench.send(Ping(number: 1))
        let latch = Latch()
        let begun = Observed(false)
        let worker = bench.worker {
            Subscription(to: Ping.self) { _, _ in
                begun.update { $0 = true }
                try await latch.pass()
            }
        }
        let running = Task { try await worker.run() }
        try await begun.wait { $0 }
        bench.transport.breakDeliveries(of: bench.service)
        try await bench.clock.waitForAlarms(2)
        latch.open()
        let error = await #expect(throws: HarebellError.self) { try await running.value }
        #expect(error?.code == .endpointEnded)
        #expect(bench.settlements == [.acknowledged(id)])
    }

    @Test func `a worker without anything to do stops at once`() async throws {
        let bench = Bench()
        let worker = bench.worker { Subscription(to: Ping.self) { _, _ in } }
        #expect(worker.state == .starting)
        try await worker.running {
            try await bench.transport.waitForCalls(of: .open, 1)
        }
        #expect(worker.state == .stopped)
    }

    @Test func `the grace period ends also when the endpoint never says that it has stopped`() async throws {
        let clock = ManualClock()
        let transport = StubbornTransport()
        var configuration = WorkerConfiguration()
        configuration.clock = clock.workerClock
        let worker = Worker(service: "subject", transport: transport, configuration: configuration, logger: quiet) {
            Subscription(to: Ping.self) { _, _ in }
        }
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await worker.running { try await transport.isOpen.wait { $0 } } }
            group.addTask {
                try await clock.waitForAlarms()
                clock.advance(by: .seconds(30))
            }
            try await group.waitForAll()
        }
        #expect(worker.state == .stopped)
    }

    @Test func `two replicas share the work and lose none when one leaves`() async throws {
        let bench = Bench()
        let seen = Observed<[Int]>([])
        let subscription = Subscription(to: Ping.self) { event, _ in
            await Task.yield()
            seen.update { $0.append(event.number) }
        }
        let first = bench.worker { subscription }
        let second = bench.worker { subscription }
        try await first.running {
            try await second.running {
                for number in 0..<200 { try bench.send(Ping(number: number)) }
                try await seen.wait { $0.count > 20 }
            }
            try await bench.settled()
        }
        #expect(Set(seen.value) == Set(0..<200))
        #expect(bench.acknowledged.count == 200)
    }
}
