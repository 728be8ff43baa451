import Harebell
import HarebellTesting
import Testing

/// What a service depends on, for a test: it counts the calls, and is up or down.
private struct Dependency: Sendable {
    struct State: Sendable {
        var isUp = true
        var calls = 0
        var answered: Set<Int> = []
    }
    let state = Observed(State())

    func call(_ number: Int) throws {
        let isUp = state.update { state in
            state.calls += 1
            if state.isUp { state.answered.insert(number) }
            return state.isUp
        }
        guard isUp else { throw DependencyDownError("no answer") }
    }

    func set(isUp: Bool) { state.update { $0.isUp = isUp } }
}

@Suite(.timeLimit(.minutes(1))) struct WorkerBreakerTests {
    private func bench(
        skipsSleeps: Bool = true, retry: RetryPolicy = .default, failures: Int = 3, prefetch: Int = 20
    ) -> Bench {
        var bench = Bench(skipsSleeps: skipsSleeps, retry: retry, prefetch: prefetch)
        bench.configuration.breaker = BreakerPolicy("partner", consecutiveFailures: failures)
        return bench
    }

    @Test func `in an outage nothing is held, one message probes at a time, and none is dead-lettered`() async throws {
        // No retries: each of those that meet the outage is at its last attempt.
        let bench = bench(skipsSleeps: false, retry: .none, prefetch: 10)
        let dependency = Dependency()
        dependency.set(isUp: false)
        for number in 0..<500 { try bench.send(Ping(number: number)) }
        let worker = bench.worker { Subscription(to: Ping.self) { event, _ in try dependency.call(event.number) } }
        try await worker.running {
            try await bench.clock.waitForSleepers()
            #expect(worker.state == .broken)
            #expect(worker.breakerState == .open)
            try await bench.transport.wait(for: bench.service) { $0.unsettled == 0 }
            let before = dependency.state.value.calls
            #expect(before <= 10)
            for (probe, wait) in [1, 2, 4, 8, 16, 32, 60, 60].enumerated() {
                bench.clock.advance(by: .seconds(wait) - .milliseconds(1))
                #expect(dependency.state.value.calls == before + probe)
                bench.clock.advance(by: .milliseconds(1))
                try await dependency.state.wait { $0.calls == before + probe + 1 }
                try await bench.clock.waitForSleepers()
                try await bench.transport.wait(for: bench.service) { $0.unsettled == 0 }
                #expect(dependency.state.value.calls == before + probe + 1)
            }
            dependency.set(isUp: true)
            bench.clock.advance(by: .seconds(60))
            try await dependency.state.wait { $0.answered.count >= 480 }
            #expect(worker.state == .running)
            try await bench.drain()
        }
        #expect(dependency.state.value.answered == Set(0..<500))
        #expect(bench.deadLetters.isEmpty)
        #expect(bench.transport.depth(of: bench.service) == .init())
        // None of those that failed has lost an attempt.
        for case .retried(_, _, let record) in bench.settlements { #expect(record.attempts == 0) }
    }

    @Test func `a retry in place is not made once the breaker is open`() async throws {
        let bench = bench(
            skipsSleeps: false, retry: RetryPolicy(immediate: [.seconds(1)], delayed: [.seconds(1)]), failures: 4)
        let calls = Observed<[Int]>([])
        let latch = Latch()
        let worker = bench.worker {
            Subscription(to: Ping.self) { event, _ in
                calls.update { $0.append(event.number) }
                if event.number > 0 { try await latch.pass() }
                throw Boom()
            }
        }
        try await worker.running {
            try bench.send(Ping(number: 0))
            try await bench.clock.waitForSleepers()  // It has failed once, and waits for its second call.
            for number in 1...3 { try bench.send(Ping(number: number)) }
            try await calls.wait { $0.count == 4 }
            latch.open()
            try await bench.transport.wait(for: bench.service) { $0.delayed >= 1 }
            while worker.breakerState != .open { await Task.yield() }
            bench.clock.advance(by: .seconds(1))
            try await bench.transport.wait(for: bench.service) { $0.unsettled == 0 && $0.delayed == 4 }
            #expect(calls.value.count == 4)
        }
        let attempts = bench.settlements.compactMap { settlement -> Int? in
            guard case .retried(_, _, let record) = settlement else { return nil }
            return record.attempts
        }
        #expect(attempts.count == 4)
        #expect(attempts.allSatisfy { $0 <= 1 }, "no call that was not made counts: \(attempts)")
    }

    @Test func `a message that fails for its own reasons is dead-lettered although there is a breaker`() async throws {
        let bench = bench(retry: RetryPolicy(immediate: [], delayed: [.seconds(1), .seconds(1)]), failures: 5)
        let bad = try bench.send(Ping(number: 0))
        let calls = Observed(0)
        let worker = bench.worker {
            Subscription(to: Ping.self) { event, _ in
                guard event.number == 0 else { return }
                calls.update { $0 += 1 }
                throw Boom()
            }
        }
        try await worker.running {
            for number in 1...40 {
                try bench.send(Ping(number: number))
                try await bench.settled()
                bench.clock.advance(by: .seconds(6))
            }
            try await bench.settled()
        }
        #expect(bench.deadLetters.map(\.reason) == [.exhausted])
        #expect(bench.deadLetters.first?.envelope?.id == bad)
        #expect(bench.deadLetters.first?.record.attempts == 3)
        // Its last attempt was spared, and once more if nothing else had been handled before it came back.
        #expect((4...5).contains(calls.value))
        #expect(bench.acknowledged.count == 40)
    }

    @Test func `the only message of a service is probed without end, or until it is too old`() async throws {
        var made = bench(retry: RetryPolicy(immediate: [], delayed: [.seconds(1)]), failures: 2)
        made.configuration.maximumAge = .seconds(3_600)
        let bench = made
        let calls = Observed(0)
        try bench.send(Ping(number: 0))
        let worker = bench.worker {
            Subscription(to: Ping.self) { _, _ in
                calls.update { $0 += 1 }
                throw Boom()
            }
        }
        try await worker.running {
            for _ in 0..<400 where bench.deadLetters.isEmpty {
                try await bench.settled()
                bench.clock.advance(by: .seconds(30))
            }
            try await bench.settled()
        }
        // Two attempts is all that the policy has: the breaker spares each probe.
        #expect(calls.value > 5, "\(calls.value) calls")
        #expect(bench.deadLetters.map(\.reason) == [.expired])
    }

    @Test func `the only message of a service is given up where only outages count`() async throws {
        var made = bench(retry: RetryPolicy(immediate: [], delayed: [.seconds(1)]))
        made.configuration.breaker = BreakerPolicy("partner", consecutiveFailures: 1, counting: .dependencyDown)
        let bench = made
        try bench.send(Ping(number: 0))
        let worker = bench.worker { Subscription(to: Ping.self) { _, _ in throw Boom() } }
        try await worker.running {
            for _ in 0..<20 where bench.deadLetters.isEmpty {
                try await bench.settled()
                bench.clock.advance(by: .seconds(2))
            }
            try await bench.settled()
        }
        #expect(bench.deadLetters.map(\.reason) == [.exhausted])
        #expect(bench.deadLetters.first?.record.attempts == 2)
    }

    @Test func `poison is no probe, and a permanent failure proves nothing`() async throws {
        // What failed must not come back in between: it would come before what waits in the queue.
        let bench = bench(skipsSleeps: false, retry: RetryPolicy(delayed: [.seconds(10)]), prefetch: 1)
        let dependency = Dependency()
        dependency.set(isUp: false)
        let worker = bench.worker {
            Subscription(to: Ping.self) { event, _ in
                if event.number == 99 { throw PermanentError("never") }
                try dependency.call(event.number)
            }
        }
        try await worker.running {
            for number in 0..<3 { try bench.send(Ping(number: number)) }
            try await bench.clock.waitForSleepers()
            try await bench.transport.wait(for: bench.service) { $0.unsettled == 0 }
            bench.transport.deliver(.failure(MalformedMessage(message: "no event")), to: bench.service)
            try bench.send(Ping(number: 99))
            try bench.send(Ping(number: 4))
            dependency.set(isUp: true)
            // The poison is first, and 99 comes at once after it.
            bench.clock.advance(by: .seconds(1))
            try await bench.transport.wait(for: bench.service) { $0.dead == 2 }
            try await bench.clock.waitForSleepers()
            #expect(worker.state == .broken)
            #expect(dependency.state.value.answered.isEmpty)
            bench.clock.advance(by: .seconds(5))
            // The one that opened the breaker came back, and closed it for the one that was never tried.
            try await dependency.state.wait { $0.answered == [2, 4] }
            bench.clock.advance(by: .seconds(10))
            try await dependency.state.wait { $0.answered.count == 4 }
        }
        #expect(bench.deadLetters.map(\.reason) == [.poison, .permanent])
    }

    @Test func `pausing a broken worker keeps it quiet, and the other service goes on`() async throws {
        let bench = bench(skipsSleeps: false)
        let dependency = Dependency()
        dependency.set(isUp: false)
        let worker = bench.worker { Subscription(to: Ping.self) { event, _ in try dependency.call(event.number) } }
        let others = Observed(0)
        let other = Worker(
            service: "other", transport: bench.transport, configuration: bench.configuration, logger: quiet
        ) {
            Subscription(to: Ping.self) { _, _ in others.update { $0 += 1 } }
        }
        try await worker.running {
            try await other.running {
                try await bench.transport.waitForConsumer(of: "other")
                for number in 0..<10 {
                    try await bench.transport.publish(Envelope(Ping(number: number), producer: "p"))
                }
                try await bench.clock.waitForSleepers()
                try await others.wait { $0 == 10 }
                try await bench.transport.wait(for: bench.service) { $0.unsettled == 0 }
                let calls = dependency.state.value.calls
                await worker.pause()
                #expect(worker.state == .paused)
                bench.clock.advance(by: .seconds(600))
                for number in 10..<20 {
                    try await bench.transport.publish(Envelope(Ping(number: number), producer: "p"))
                }
                try await others.wait { $0 == 20 }
                #expect(dependency.state.value.calls == calls)
                dependency.set(isUp: true)
                await worker.resume()
                try await dependency.state.wait { $0.answered.count == 20 }
                #expect(worker.state == .running)
            }
        }
        #expect(bench.deadLetters.isEmpty)
    }

    @Test(arguments: 1...6 as ClosedRange<UInt64>)
    func `an unsteady dependency loses no message`(seed: UInt64) async throws {
        let bench = bench(retry: RetryPolicy(immediate: [.zero], delayed: [.seconds(1), .seconds(5)]), prefetch: 7)
        let dependency = Dependency()
        for number in 0..<300 { try bench.send(LoanOpened(loanID: "L\(number % 40)", minorUnits: Int64(number))) }
        let generator = Observed(SeededGenerator(seed: seed))
        let worker = bench.worker {
            Subscription(to: LoanOpened.self) { event, _ in
                // Down for about ten calls, up for about ten.
                if generator.update({ Int.random(in: 0..<10, using: &$0) }) == 0 {
                    dependency.state.update { $0.isUp.toggle() }
                }
                await Task.yield()
                try dependency.call(Int(event.minorUnits))
            }
        }
        try await worker.running {
            try await bench.transport.waitForConsumer(of: bench.service)
            try await bench.drain()
        }
        // It is up and down too often to be called down: some have no attempt left. But each is somewhere.
        let dead = try bench.deadLetters.map { Int(try #require($0.envelope).decode(LoanOpened.self).minorUnits) }
        #expect(bench.deadLetters.allSatisfy { $0.reason == .exhausted })
        #expect(dependency.state.value.answered.union(dead) == Set(0..<300))
        #expect(dependency.state.value.answered.isDisjoint(with: dead))
    }
}
