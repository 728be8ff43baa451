import Harebell
import HarebellTesting
import Testing

/// Pausing, draining, resuming, and another prefetch, while the worker works.
@Suite(.timeLimit(.minutes(1))) struct WorkerControlTests {
    @Test func `a paused worker holds nothing, and what runs finishes`() async throws {
        let bench = Bench(prefetch: 4)
        let ids = try (1...6).map { try bench.send(LoanOpened(loanID: "L1", minorUnits: Int64($0))) }
        let begun = Observed<[Int64]>([])
        let latch = Latch()
        let worker = bench.worker {
            Subscription(to: LoanOpened.self) { event, _ in
                begun.update { $0.append(event.minorUnits) }
                try await latch.pass()
            }
        }
        try await worker.running {
            try await bench.transport.wait(for: bench.service) { $0.unsettled == 4 }
            try await begun.wait { $0 == [1] }
            await worker.pause()
            #expect(worker.state == .paused)
            try await bench.transport.wait(for: bench.service) { $0 == .init(ready: 5, unsettled: 1) }
            #expect(bench.released == [ids[1], ids[2], ids[3]])
            latch.open()
            try await bench.transport.wait(for: bench.service) { $0 == .init(ready: 5) }
            try bench.send(Ping(number: 1))
            #expect(begun.value == [1])
            #expect(worker.messagesInHand == 0)
            await worker.resume()
            #expect(worker.state == .running)
            try await begun.wait { $0.count == 6 }
        }
        #expect(begun.value == [1, 2, 3, 4, 5, 6])
    }

    @Test func `draining finishes what is in hand and takes nothing`() async throws {
        let bench = Bench(prefetch: 3)
        for number in 1...5 { try bench.send(LoanOpened(loanID: "L1", minorUnits: Int64(number))) }
        let begun = Observed<[Int64]>([])
        let latch = Latch()
        let worker = bench.worker {
            Subscription(to: LoanOpened.self) { event, _ in
                begun.update { $0.append(event.minorUnits) }
                try await latch.pass()
            }
        }
        try await worker.running {
            try await begun.wait { $0 == [1] }
            try await bench.transport.wait(for: bench.service) { $0.unsettled == 3 }
            async let drained: Void = worker.drain()
            while worker.state != .draining { await Task.yield() }
            latch.open()
            await drained
            #expect(worker.state == .paused)
            #expect(begun.value == [1, 2, 3])
            #expect(bench.transport.depth(of: bench.service) == .init(ready: 2))
            #expect(bench.released.isEmpty)
            await worker.resume()
            try await begun.wait { $0.count == 5 }
        }
        #expect(begun.value == [1, 2, 3, 4, 5])
    }

    @Test func `another prefetch holds from now on`() async throws {
        let bench = Bench(prefetch: 2)
        for number in 1...20 { try bench.send(Ping(number: number)) }
        let latch = Latch()
        let begun = Observed(0)
        let worker = bench.worker {
            Subscription(to: Ping.self) { _, _ in
                begun.update { $0 += 1 }
                try await latch.pass()
            }
        }
        try await worker.running {
            try await bench.transport.wait(for: bench.service) { $0.unsettled == 2 }
            try await worker.setPrefetch(7)
            // Those that have not begun would be handed back by the pause.
            try await begun.wait { $0 == 7 }
            #expect(worker.prefetch == 7)
            await #expect(throws: HarebellError.self) { try await worker.setPrefetch(0) }
            await worker.pause()
            try await worker.setPrefetch(5)
            #expect(bench.transport.depth(of: bench.service).unsettled == 7, "a pause outlasts another prefetch")
            latch.open()
            try await bench.transport.wait(for: bench.service) { $0 == .init(ready: 13) }
            await worker.resume()
            try await bench.settled()
        }
        #expect(bench.acknowledged.count == 20)
        #expect(bench.released.isEmpty)
    }

    @Test func `a worker that was paused before it ran begins nothing`() async throws {
        let bench = Bench()
        try bench.send(Ping(number: 1))
        let begun = Observed(0)
        let worker = bench.worker { Subscription(to: Ping.self) { _, _ in begun.update { $0 += 1 } } }
        await worker.pause()
        #expect(worker.state == .starting)
        try await worker.running {
            try await bench.transport.waitForCalls(of: .open, 1)
            try await bench.transport.wait(for: bench.service) { $0 == .init(ready: 1) }
            while worker.state != .paused { await Task.yield() }
            #expect(begun.value == 0)
            await worker.resume()
            try await begun.wait { $0 == 1 }
        }
        #expect(begun.value == 1)
        await worker.pause()
        #expect(worker.state == .stopped)
    }

    @Test func `a paused worker shuts down, and nobody waits for it for ever`() async throws {
        let bench = Bench(prefetch: 2)
        let ids = try (1...3).map { try bench.send(LoanOpened(loanID: "L1", minorUnits: Int64($0))) }
        let latch = Latch()
        let begun = Observed(false)
        let worker = bench.worker {
            Subscription(to: LoanOpened.self) { _, _ in
                begun.update { $0 = true }
                try await latch.pass()
            }
        }
        try await worker.running {
            try await begun.wait { $0 }
            async let drained: Void = worker.drain()
            while worker.state != .draining { await Task.yield() }
            await worker.pause()
            #expect(bench.transport.depth(of: bench.service) == .init(ready: 2, unsettled: 1))
            latch.open()
            await drained
        }
        #expect(bench.settlements == [.released(ids[1]), .acknowledged(ids[0])])
        #expect(worker.state == .stopped)
    }

    @Test(arguments: 1...4 as ClosedRange<UInt64>)
    func `a storm of pauses and resumes loses nothing and keeps the order of a key`(seed: UInt64) async throws {
        let bench = Bench(prefetch: 8)
        let seen = Observed<[Int64]>([])
        let worker = bench.worker {
            Subscription(to: LoanOpened.self) { event, _ in
                await Task.yield()
                seen.update { $0.append(event.minorUnits) }
            }
        }
        try await worker.running {
            try await bench.transport.waitForCalls(of: .open, 1)
            await withDiscardingTaskGroup { group in
                for caller in 0..<4 {
                    group.addTask {
                        var generator = SeededGenerator(seed: seed &* 31 &+ UInt64(caller))
                        for number in 0..<50 {
                            if caller == 0 { _ = try? bench.send(LoanOpened(loanID: "L1", minorUnits: Int64(number))) }
                            switch Int.random(in: 0..<4, using: &generator) {
                            case 0: await worker.pause()
                            case 1: await worker.drain()
                            case 2: try? await worker.setPrefetch(Int.random(in: 1...20, using: &generator))
                            default: await worker.resume()
                            }
                            if worker.state != .running { await worker.resume() }
                        }
                    }
                }
            }
            await worker.resume()
            try await bench.settled()
        }
        #expect(seen.value == Array(0..<50))
        #expect(bench.acknowledged.count == 50)
        #expect(bench.deadLetters.isEmpty)
    }
}
