import Harebell
import HarebellTesting
import Testing

/// Batches while the worker is paused, drained, stopped, limited, or its dependency is down.
@Suite(.timeLimit(.minutes(1))) struct BatchControlTests {
    @Test func `a pause hands back what was collected, uncounted and in order`() async throws {
        let bench = BatchBench()
        let ids = try bench.send(0..<3)
        let worker = bench.worker()
        try await worker.running {
            try await bench.collected(3, by: worker)
            await worker.pause()
            #expect(bench.bench.released == ids)
            #expect(worker.messagesInHand == 0)
            #expect(bench.bench.transport.depth(of: bench.bench.service) == .init(ready: 3))
            await worker.resume()
            try await bench.collected(3, by: worker)
            bench.bench.clock.advance(by: .seconds(1))
            try await bench.bench.settled()
        }
        #expect(bench.calls.value == [.init(numbers: [0, 1, 2], attempts: [1, 1, 1])])
    }

    @Test func `draining handles at once what was collected`() async throws {
        let bench = BatchBench()
        try bench.send(0..<3)
        let worker = bench.worker()
        try await worker.running {
            try await bench.collected(3, by: worker)
            await worker.drain()
            #expect(bench.numbers == [[0, 1, 2]])
            #expect(bench.bench.acknowledged.count == 3)
            #expect(worker.state == .paused)
        }
        #expect(bench.bench.clock.uptime == .zero)
    }

    @Test func `a shutdown hands back what was collected, and finishes the batch that runs`() async throws {
        let bench = BatchBench()
        let ids = try bench.send(0..<8)
        let latch = Latch()
        let worker = bench.worker { _ in try await latch.pass() }
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                try await worker.running {
                    try await bench.calls.wait { $0.count == 1 }
                    try await bench.collected(3, by: worker)
                }
            }
            group.addTask {
                try await polled { worker.state == .stopping }
                latch.open()
            }
            try await group.waitForAll()
        }
        #expect(bench.numbers == [[0, 1, 2, 3, 4]])
        #expect(Set(bench.bench.acknowledged) == Set(ids.prefix(5)))
        #expect(bench.bench.released == ids.suffix(3))
        #expect(bench.bench.clock.uptime == .zero, "nobody waits for the batch's time, or for the grace period's end")
    }

    @Test func `a batch that a shutdown cancels is handed back uncounted, but for what has succeeded`() async throws {
        var bench = BatchBench(Bench())
        bench.bench.configuration.gracePeriod = .zero
        let local = bench
        let ids = try local.send(0..<5)
        let latch = Latch()
        try await local.worker { batch in
            batch[2].succeed()
            batch[3].fail(Boom())
            try await latch.pass()
        }.running { try await local.calls.wait { $0.count == 1 } }
        #expect(local.bench.acknowledged == [ids[2]])
        #expect(local.bench.released == [ids[0], ids[1], ids[3], ids[4]])
        #expect(local.bench.transport.calls(of: .retry) == 0)
    }

    @Test func `no more is worked on at a time than the concurrency allows`() async throws {
        var bench = BatchBench(Bench(retry: .none, prefetch: 50))
        bench.bench.configuration.concurrency = 12
        let local = bench
        try local.send(0..<50)
        let (now, most) = (Observed(0), Observed(0))
        try await local.worker { batch in
            let running = now.update {
                $0 += batch.count
                return $0
            }
            most.update { $0 = max($0, running) }
            for _ in 0..<3 { await Task.yield() }
            now.update { $0 -= batch.count }
        }.running { try await local.bench.settled() }
        #expect(most.value <= 10)
        #expect(local.bench.acknowledged.count == 50)
    }

    @Test func `a probe is a batch of one that waits for no other, and an outage costs no attempt`() async throws {
        var bench = BatchBench(Bench(skipsSleeps: false, retry: .none))
        bench.bench.configuration.breaker = BreakerPolicy("ledger", consecutiveFailures: 3)
        let local = bench
        // More than are called before the breaker opens: those come back only after the next probe.
        try local.send(0..<40)
        let isUp = Observed(false)
        let worker = local.worker { _ in if !isUp.value { throw DependencyDownError("no answer") } }
        try await worker.running {
            try await local.bench.clock.waitForSleepers()
            #expect(worker.breakerState == .open)
            try await local.bench.transport.wait(for: local.bench.service) { $0.unsettled == 0 }
            let before = local.numbers.count
            #expect((3...4).contains(before), "a batch that throws is one failure")
            for wait in [1, 2, 4] {
                let calls = local.numbers.count
                local.bench.clock.advance(by: .seconds(wait))
                try await local.calls.wait { $0.count == calls + 1 }
                #expect(local.numbers.last?.count == 1)
                try await local.bench.clock.waitForSleepers()
            }
            isUp.update { $0 = true }
            local.bench.clock.advance(by: .seconds(8))
            try await polled {
                local.bench.clock.advance(by: .seconds(1))
                return local.bench.acknowledged.count == 40
            }
        }
        #expect(local.bench.deadLetters.isEmpty)
        for case .retried(_, _, let record) in local.bench.settlements { #expect(record.attempts == 0) }
    }

    @Test func `an outcome that cannot be stored holds back its key and new work, and nothing else of its batch`()
        async throws
    {
        let bench = BatchBench()
        let ids = try bench.send(0..<5)
        bench.bench.transport.fail(.deadLetter, times: 3)
        try await bench.worker { $0[1].fail(Boom()) }.running { try await bench.bench.settled() }
        #expect(bench.bench.deadLetters.map(\.envelope?.id) == [ids[1]])
        #expect(bench.bench.clock.sleeps.map { $0 } == [.milliseconds(100), .milliseconds(200), .milliseconds(400)])
        #expect(bench.bench.acknowledged.count == 4)
        #expect(bench.numbers.count == 1)
    }
}
