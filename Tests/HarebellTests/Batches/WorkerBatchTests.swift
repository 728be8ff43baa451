import Harebell
import HarebellTesting
import Logging
import Testing

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// When batches are handled, and what follows for each of their events.
@Suite(.timeLimit(.minutes(1))) struct WorkerBatchTests {
    @Test func `a batch is handled as soon as it is full`() async throws {
        let bench = BatchBench()
        try bench.send(0..<10)
        try await bench.worker().running { try await bench.bench.settled() }
        #expect(
            bench.numbers == [[0, 1, 2, 3, 4], [5, 6, 7, 8, 9]]
                || bench.numbers == [[5, 6, 7, 8, 9], [0, 1, 2, 3, 4]])
        #expect(bench.bench.clock.uptime == .zero)
        #expect(bench.bench.acknowledged.count == 10)
    }

    @Test func `a batch that is not full is handled when its first event has waited long enough, and not before`()
        async throws
    {
        let bench = BatchBench()
        let worker = bench.worker()
        try await worker.running {
            try bench.send(0..<1)
            try await bench.collected(1, by: worker)
            bench.bench.clock.advance(by: .milliseconds(600))
            try bench.send(1..<3)
            try await bench.collected(3, by: worker)
            bench.bench.clock.advance(by: .milliseconds(399))
            #expect(worker.collecting?.count == 3)
            #expect(bench.numbers.isEmpty)
            bench.bench.clock.advance(by: .milliseconds(1))
            try await bench.bench.settled()
        }
        #expect(bench.numbers == [[0, 1, 2]])
    }

    @Test func `each event has the outcome that the handler says, and the rest succeeds`() async throws {
        let bench = BatchBench(
            Bench(retry: RetryPolicy(immediate: [], delayed: [.seconds(60), .seconds(60)], jitter: 0)))
        let ids = try bench.send(0..<5)
        let worker = bench.worker { batch in
            for item in batch {
                try item.context.publish(LoanClosed(loanID: "\(item.event.number)"))
                switch (item.event.number, item.context.attempt) {
                case (1, 1): item.fail(Boom())
                case (2, _): item.fail(PermanentError("never"))
                case (3, 1): item.fail(TransientError("later", retryAfter: .seconds(7)))
                default: break
                }
            }
        }
        try await worker.running {
            try await bench.bench.settled()
            #expect(Set(bench.bench.acknowledged) == [ids[0], ids[4]])
            #expect(bench.bench.transport.retryDelays(of: bench.bench.service).sorted() == [.seconds(7), .seconds(60)])
            #expect(bench.bench.deadLetters.map(\.reason) == [.permanent])
            #expect(bench.bench.deadLetters.map(\.envelope?.id) == [ids[2]])
            #expect(try bench.bench.transport.published(LoanClosed.self).map(\.loanID).sorted() == ["0", "4"])
            // Each comes back at its time, and waits for others.
            for (delay, count) in [(7, 3), (52, 4)] {
                bench.bench.clock.advance(by: .seconds(delay))
                try await bench.collected(1, by: worker)
                bench.bench.clock.advance(by: .seconds(1))
                try await polled { bench.bench.acknowledged.count == count }
            }
            try await bench.bench.settled()
        }
        #expect(Set(bench.bench.acknowledged) == Set([ids[0], ids[4], ids[1], ids[3]]))
        #expect(bench.calls.value.dropFirst().flatMap(\.attempts).allSatisfy { $0 == 2 })
    }

    @Test func `an error fails what was not settled one by one, each with its own count of attempts`() async throws {
        let bench = BatchBench(
            Bench(retry: RetryPolicy(immediate: [], delayed: .fixed(.seconds(1), times: 5), jitter: 0)))
        let ids = try bench.send(0..<2)
        try bench.send(2..<3, attempts: 3)
        try bench.send(3..<5)
        try await bench.worker { batch in
            batch[0].succeed()
            batch[4].fail(PermanentError("no"))
            // What is said last counts.
            batch[1].succeed()
            batch[1].fail(Boom(text: "own"))
            throw Boom(text: "all")
        }.running { try await bench.bench.settled() }
        #expect(bench.bench.acknowledged == [ids[0]])
        #expect(bench.bench.deadLetters.map(\.record.errorMessage) == ["no"])
        let retried = bench.bench.settlements.compactMap { settlement -> String? in
            guard case .retried(_, _, let record) = settlement else { return nil }
            return "\(record.attempts) \(record.errorMessage.contains("own") ? "own" : "all")"
        }
        #expect(retried.sorted() == ["1 all", "1 own", "4 all"])
    }

    @Test func `what cannot be decoded is dead-lettered alone, and the rest is handled without it`() async throws {
        var bench = BatchBench()
        bench.bench.configuration.maximumBodySize = 100
        bench.bench.configuration.maximumAge = .seconds(60)
        let local = bench
        let clock = local.bench.clock
        try local.send(0..<1)
        var broken = try Envelope(Ping(number: 1), producer: "p", time: clock.now)
        broken.body = Array(#"{"number":"one"}"#.utf8)
        local.bench.transport.deliver(.success(broken), to: local.bench.service)
        let old = try Envelope(Ping(number: 2), producer: "p", time: clock.now.addingTimeInterval(-61))
        local.bench.transport.deliver(.success(old), to: local.bench.service)
        var large = try Envelope(Ping(number: 3), producer: "p", time: clock.now)
        large.body = Array(repeating: 0x20, count: 101)
        local.bench.transport.deliver(.success(large), to: local.bench.service)
        try local.send(4..<5)
        try await local.worker().running { try await local.bench.settled() }
        #expect(local.numbers == [[0, 4]])
        #expect(local.bench.acknowledged.count == 2)
        #expect(Set(local.bench.deadLetters.map { "\($0.reason)" }) == ["poison", "expired"])
        #expect(local.bench.deadLetters.count == 3)
        #expect(local.bench.deadLetters.allSatisfy { $0.record.attempts == 0 })
    }

    @Test func `those that are tried again at once are called again together, with nothing lost and nothing repeated`()
        async throws
    {
        let bench = BatchBench(Bench(retry: RetryPolicy(immediate: [.zero, .milliseconds(50)], delayed: [])))
        try bench.send(0..<5)
        try await bench.worker { batch in
            for item in batch where item.event.number >= item.context.attempt * 2 - 1 { item.fail(Boom()) }
        }.running { try await bench.bench.settled() }
        #expect(bench.numbers == [[0, 1, 2, 3, 4], [1, 2, 3, 4], [3, 4]])
        #expect(bench.calls.value.map(\.attempts) == [[1, 1, 1, 1, 1], [2, 2, 2, 2], [3, 3]])
        #expect(bench.bench.clock.sleeps == [.milliseconds(50)])
        #expect(bench.bench.acknowledged.count == 5)
    }

    @Test func `a batch that would wait too long for the rate waits with the broker, and its lane goes on`()
        async throws
    {
        var local = Bench(retry: RetryPolicy(immediate: [.milliseconds(1)], delayed: []))
        local.configuration.rateLimit = RateLimit(1, per: .seconds(3_600))
        let bench = BatchBench(local)
        try bench.send(0..<5)
        try await bench.worker { batch in
            for item in batch where item.context.attempt == 1 { item.fail(Boom()) }
        }.running {
            try await bench.bench.transport.waitForSettlements(of: bench.bench.service, 5)
        }
        #expect(bench.numbers == [[0, 1, 2, 3, 4]])
        let retries = bench.bench.settlements.compactMap { settlement -> Duration? in
            if case .retried(_, let delay, _) = settlement { delay } else { nil }
        }
        #expect(retries.count == 5 && retries.allSatisfy { $0 > .seconds(900) })
    }

    @Test func `the last attempt is made alone: what fails for its company's sake is no dead letter`() async throws {
        let bench = BatchBench(
            Bench(retry: RetryPolicy(immediate: [], delayed: .fixed(.seconds(1), times: 2), jitter: 0)))
        let ids = try bench.send(0..<5)
        let worker = bench.worker { batch in
            if batch.contains(where: { $0.event.number == 3 }) { throw Boom() }
        }
        try await worker.running {
            for _ in 0..<2 {
                try await bench.bench.settled()
                bench.bench.clock.advance(by: .seconds(1))
            }
            try await bench.bench.settled()
        }
        #expect(bench.bench.deadLetters.map(\.envelope?.id) == [ids[3]])
        #expect(bench.bench.acknowledged.count == 4)
        #expect(bench.numbers.map(\.count) == [5, 5, 1, 1, 1, 1, 1])
    }

    @Test func `the timeout is the batch's, and spares what was settled before it`() async throws {
        var bench = BatchBench()
        bench.timeout = .seconds(5)
        let local = bench
        let ids = try local.send(0..<5)
        let latch = Latch()
        try await local.worker { batch in
            batch[1].succeed()
            try await latch.pass()
        }.running {
            try await local.calls.wait { $0.count == 1 }
            local.bench.clock.advance(by: .seconds(5))
            try await local.bench.settled()
        }
        #expect(local.bench.acknowledged == [ids[1]])
        #expect(
            local.bench.deadLetters.map(\.record.errorType)
                == Array(repeating: "HarebellError.handlerTimedOut", count: 4))
    }

    @Test func `a handler that ignores its timeout is reported once, and its result counts`() async throws {
        let bench = BatchBench()
        try bench.send(0..<5)
        let latch = Latch()
        let log = LogRecorder()
        let worker = bench.bench.worker(logger: log.logger) {
            Subscription(toBatchesOf: Ping.self, upTo: 5, within: .seconds(1)) { batch in
                bench.calls.update { $0.append(.init(numbers: batch.map(\.event.number), attempts: [])) }
                await latch.passRegardless()
            }
        }
        try await worker.running {
            try await bench.calls.wait { $0.count == 1 }
            bench.bench.clock.advance(by: .seconds(60))
            try await log.lines.wait { lines in lines.contains { $0.message.contains("timeout") } }
            #expect(bench.bench.settlements.isEmpty)
            latch.open()
            try await bench.bench.settled()
        }
        #expect(log.lines.value.count { $0.message.contains("timeout") } == 1)
        #expect(bench.bench.acknowledged.count == 5)
    }

    @Test func `there is one line for the outcome of each event`() async throws {
        let bench = BatchBench(Bench(retry: RetryPolicy.none))
        let ids = try bench.send(0..<5)
        let log = LogRecorder()
        let worker = bench.bench.worker(logger: log.logger) {
            Subscription(toBatchesOf: Ping.self, upTo: 5, within: .seconds(1), name: "count") { batch in
                batch[2].context.logger.info("inside")
                batch[3].fail(Boom())
            }
        }
        try await worker.running { try await bench.bench.settled() }
        let handled = log.lines(outcome: "handled")
        #expect(Set(handled.map { $0.metadata["event_id"] }) == Set([0, 1, 2, 4].map { ids[$0].rawValue }))
        #expect(handled.allSatisfy { $0.metadata["batch_size"] == "5" && $0.metadata["handler"] == "count" })
        #expect(log.lines(outcome: "dead_lettered").map { $0.metadata["event_id"] } == [ids[3].rawValue])
        #expect(log.lines.value.first { $0.message == "inside" }?.metadata["event_id"] == ids[2].rawValue)
    }

    @Test func `batches and single events of one service do not disturb each other`() async throws {
        let bench = BatchBench()
        let single = Observed<[String]>([])
        let worker = bench.bench.worker {
            Subscription(toBatchesOf: Ping.self, upTo: 3, within: .seconds(1)) { batch in
                bench.calls.update { $0.append(.init(numbers: batch.map(\.event.number), attempts: [])) }
            }
            Subscription(to: LoanOpened.self) { loan, _ in single.update { $0.append(loan.loanID) } }
        }
        for number in 0..<6 {
            try bench.send(number..<number + 1)
            try bench.bench.send(LoanOpened(loanID: "L\(number)"))
        }
        try await worker.running { try await bench.bench.settled() }
        #expect(Set(bench.numbers) == [[0, 1, 2], [3, 4, 5]])
        #expect(single.value.count == 6)
    }

    @Test(arguments: 0..<40) func `a worker that is cancelled while batches begin ends at once`(yields: Int)
        async throws
    {
        var bench = BatchBench()
        bench.size = 1
        try bench.send(0..<100)
        let worker = bench.worker()
        let running = Task { try await worker.run() }
        try await bench.bench.transport.waitForConsumer(of: bench.bench.service)
        for _ in 0..<yields * 5 { await Task.yield() }
        running.cancel()
        // The clock is not advanced: nothing is waited for.
        try await running.value
        // Each is handled or back in its queue.
        let depth = bench.bench.transport.depth(of: bench.bench.service)
        #expect(depth.unsettled == 0)
        #expect(depth.ready + bench.bench.acknowledged.count == 100)
    }
}
