import Harebell
import HarebellTesting
import Testing

@Suite(.timeLimit(.minutes(1))) struct WorkerTimeoutTests {
    @Test func `a handler over its timeout is cancelled and counted as a transient failure`() async throws {
        let bench = Bench(retry: RetryPolicy(immediate: [], delayed: [.seconds(1)]))
        try bench.send(Ping(number: 1))
        let begun = Observed<[Int]>([])
        let latch = Latch()
        try await bench.worker {
            Subscription(to: Ping.self) { _, context in
                begun.update { $0.append(context.attempt) }
                if context.attempt == 1 { try await latch.pass() }
            }
        }.running {
            try await begun.wait { $0 == [1] }
            bench.clock.advance(by: .seconds(59))
            #expect(bench.settlements.isEmpty)
            bench.clock.advance(by: .seconds(1))
            try await bench.drain()
        }
        #expect(begun.value == [1, 2])
        guard case .retried(_, after: .seconds(1), let record) = bench.settlements.first
        else { return #expect(Bool(false), "\(bench.settlements)") }
        #expect(record.attempts == 1)
        #expect(record.errorType == "HarebellError.handlerTimedOut")
        #expect(record.errorMessage.contains("60"))
        #expect(bench.acknowledged.count == 1)
    }

    @Test func `a subscription's timeout beats the worker's`() async throws {
        let bench = Bench(retry: .none)
        try bench.send(Ping(number: 1))
        let begun = Observed(false)
        let latch = Latch()
        try await bench.worker {
            Subscription(to: Ping.self, timeout: .seconds(2)) { _, _ in
                begun.update { $0 = true }
                try await latch.pass()
            }
        }.running {
            try await begun.wait { $0 }
            bench.clock.advance(by: .seconds(2))
            try await bench.settled()
        }
        #expect(bench.deadLetters.map(\.record.errorType) == ["HarebellError.handlerTimedOut"])
    }

    @Test func `a handler that ignores its timeout keeps its slot until it ends, and its result counts`() async throws {
        var bench = Bench(retry: .none)
        bench.configuration.prefetch = 1
        let id = try bench.send(Ping(number: 1))
        try bench.send(Ping(number: 2))
        let begun = Observed<[Int]>([])
        let latch = Latch()
        let log = LogRecorder()
        let local = bench
        try await local.worker(logger: log.logger) {
            Subscription(to: Ping.self) { event, _ in
                begun.update { $0.append(event.number) }
                if event.number == 1 { await latch.passRegardless() }
            }
        }.running {
            try await begun.wait { $0 == [1] }
            local.clock.advance(by: .seconds(60))
            try await log.lines.wait { lines in lines.contains { $0.message.contains("timeout") } }
            #expect(local.settlements.isEmpty)
            #expect(begun.value == [1])
            latch.open()
            try await local.settled()
        }
        #expect(begun.value == [1, 2])
        #expect(local.settlements.first == .acknowledged(id))
        #expect(local.deadLetters.isEmpty)
    }

    @Test func `a timeout ends the whole tree of the handler's tasks`() async throws {
        let bench = Bench(retry: .none)
        try bench.send(Ping(number: 1))
        let begun = Observed(0)
        let latch = Latch()
        try await bench.worker {
            Subscription(to: Ping.self) { _, _ in
                try await withThrowingTaskGroup(of: Void.self) { group in
                    for _ in 0..<3 {
                        group.addTask {
                            begun.update { $0 += 1 }
                            try await latch.pass()
                        }
                    }
                    try await group.waitForAll()
                }
            }
        }.running {
            try await begun.wait { $0 == 3 }
            bench.clock.advance(by: .seconds(60))
            try await bench.settled()
        }
        #expect(bench.deadLetters.count == 1)
    }

    @Test func `each attempt has the whole timeout`() async throws {
        let bench = Bench(retry: RetryPolicy(immediate: [.zero], delayed: []))
        try bench.send(Ping(number: 1))
        let begun = Observed<[Int]>([])
        let latch = Latch()
        try await bench.worker {
            Subscription(to: Ping.self) { _, context in
                begun.update { $0.append(context.attempt) }
                try await latch.pass()
            }
        }.running {
            try await begun.wait { $0 == [1] }
            bench.clock.advance(by: .seconds(60))
            try await begun.wait { $0 == [1, 2] }
            bench.clock.advance(by: .seconds(59))
            #expect(bench.deadLetters.isEmpty)
            bench.clock.advance(by: .seconds(1))
            try await bench.settled()
        }
        #expect(bench.deadLetters.map(\.record.attempts) == [2])
    }

    @Test func `a message is not held for longer than a quarter of an hour by immediate retries`() async throws {
        let bench = Bench(retry: RetryPolicy(immediate: [.zero, .zero, .zero], delayed: []))
        try bench.send(Ping(number: 1))
        let begun = Observed<[Int]>([])
        let latch = Latch()
        try await bench.worker {
            Subscription(to: Ping.self, timeout: .seconds(300)) { _, context in
                begun.update { $0.append(context.attempt) }
                try await latch.pass()
            }
        }.running {
            for attempt in 1...3 {
                try await begun.wait { $0.last == attempt }
                bench.clock.advance(by: .seconds(300))
            }
            try await bench.transport.wait(for: bench.service) { $0.delayed == 1 }
        }
        #expect(begun.value == [1, 2, 3])
        #expect(bench.transport.retryDelays(of: bench.service) == [.seconds(1)])
    }

    @Test func `a CancellationError of the handler's own making is an ordinary failure`() async throws {
        let bench = Bench(retry: .none)
        try bench.send(Ping(number: 1))
        try await bench.worker {
            Subscription(to: Ping.self) { _, _ in throw CancellationError() }
        }.running { try await bench.settled() }
        #expect(bench.deadLetters.map(\.record.errorType) == ["CancellationError"])
    }

    @Test func `after a timeout the next attempt begins uncancelled, and so does what it publishes`() async throws {
        let bench = Bench(retry: RetryPolicy(immediate: [.zero], delayed: []))
        try bench.send(Ping(number: 1))
        let begun = Observed<[Bool]>([])
        let latch = Latch()
        try await bench.worker {
            Subscription(to: Ping.self) { _, context in
                begun.update { $0.append(Task.isCancelled) }
                if context.attempt == 1 { try await latch.pass() }
                try context.publish(LoanOpened(loanID: "l"))
            }
        }.running {
            try await begun.wait { $0.count == 1 }
            bench.clock.advance(by: .seconds(60))
            try await bench.settled()
        }
        #expect(begun.value == [false, false])
        #expect(bench.acknowledged.count == 1)
        #expect(bench.transport.published.count == 1)
    }

    @Test func `the timeout of one does not cancel the next of its key`() async throws {
        let bench = Bench(retry: .none)
        for amount in 1...3 { try bench.send(LoanOpened(loanID: "l", minorUnits: Int64(amount))) }
        let begun = Observed<[Int64]>([])
        let cancelled = Observed<[Int64]>([])
        let latch = Latch()
        try await bench.worker {
            Subscription(to: LoanOpened.self) { event, _ in
                if Task.isCancelled { cancelled.update { $0.append(event.minorUnits) } }
                begun.update { $0.append(event.minorUnits) }
                if event.minorUnits < 3 { try await latch.pass() }
            }
        }.running {
            for amount in 1...2 as ClosedRange<Int64> {
                try await begun.wait { $0.last == amount }
                bench.clock.advance(by: .seconds(60))
            }
            try await bench.settled()
        }
        #expect(begun.value == [1, 2, 3])
        #expect(cancelled.value == [])
        #expect(bench.deadLetters.count == 2)
        #expect(bench.acknowledged.count == 1)
    }

    @Test func `a handler that cancels its own task has failed, and nothing else has`() async throws {
        let bench = Bench(retry: RetryPolicy(immediate: [.zero], delayed: []))
        for amount in 1...2 { try bench.send(LoanOpened(loanID: "l", minorUnits: Int64(amount))) }
        let calls = Observed<[String]>([])
        try await bench.worker {
            Subscription(to: LoanOpened.self) { event, context in
                calls.update { $0.append("\(event.minorUnits) \(context.attempt) \(Task.isCancelled)") }
                guard event.minorUnits == 1 else { return }
                withUnsafeCurrentTask { unsafe $0?.cancel() }
                try Task.checkCancellation()
            }
        }.running { try await bench.settled() }
        #expect(calls.value == ["1 1 false", "1 2 false", "2 1 false"])
        #expect(bench.deadLetters.map(\.record.errorType) == ["CancellationError"])
        #expect(bench.acknowledged.count == 1)
    }

    @Test func `the end of the worker reaches a handler that is called again after a timeout`() async throws {
        var bench = Bench(retry: RetryPolicy(immediate: [.zero], delayed: []))
        bench.configuration.gracePeriod = .zero
        let clock = bench.clock
        try bench.send(Ping(number: 1))
        let begun = Observed<[Int]>([])
        let ended = Observed<[Bool]>([])
        let latch = Latch()
        try await bench.worker {
            Subscription(to: Ping.self) { _, context in
                begun.update { $0.append(context.attempt) }
                defer { ended.update { $0.append(Task.isCancelled) } }
                try await latch.pass()
            }
        }.running {
            try await begun.wait { $0 == [1] }
            clock.advance(by: .seconds(60))
            try await begun.wait { $0 == [1, 2] }
        }
        #expect(ended.value == [true, true])
        #expect(bench.deadLetters.isEmpty)
        #expect(bench.released.count == 1)
    }
}
