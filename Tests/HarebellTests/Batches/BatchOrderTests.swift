import Harebell
import HarebellTesting
import Testing

/// The order of events with the same key, in batches and around them.
@Suite(.timeLimit(.minutes(1))) struct BatchOrderTests {
    private func seen(
        _ events: [LoanOpened], size: Int = 4, retry: RetryPolicy = RetryPolicy(immediate: [.zero], delayed: []),
        bench: Bench? = nil, _ body: @escaping @Sendable (EventBatch<LoanOpened>) async throws -> Void = { _ in }
    ) async throws -> (calls: [[String]], bench: Bench) {
        let bench = bench ?? Bench(retry: retry)
        for (number, event) in events.enumerated() { try bench.send(event, id: EventID("\(number)")) }
        let calls = Observed<[[String]]>([])
        try await bench.worker {
            Subscription(toBatchesOf: LoanOpened.self, upTo: size, within: .seconds(1)) { batch in
                let call = batch.map { "\($0.event.loanID)\($0.event.minorUnits)/\($0.context.attempt)" }
                calls.update { $0.append(call) }
                try await body(batch)
            }
        }.running { try await bench.settled() }
        return (calls.value, bench)
    }

    private func loans(_ names: String...) -> [LoanOpened] {
        names.map { LoanOpened(loanID: String($0.prefix(1)), minorUnits: Int64($0.dropFirst()) ?? 0) }
    }

    @Test func `events of one key are in one batch in their order`() async throws {
        let (calls, _) = try await seen(loans("a1", "a2", "b1", "a3"))
        #expect(calls == [["a1/1", "a2/1", "b1/1", "a3/1"]])
    }

    @Test func `a key's next batch begins when its last has ended`() async throws {
        let running = Observed(0)
        let overlaps = Observed(0)
        let (calls, bench) = try await seen((1...40).map { LoanOpened(loanID: "a", minorUnits: $0) }) { _ in
            if running.update({
                $0 += 1; return $0
            }) > 1 {
                overlaps.update { $0 += 1 }
            }
            for _ in 0..<5 { await Task.yield() }
            running.update { $0 -= 1 }
        }
        #expect(overlaps.value == 0)
        #expect(calls.flatMap { $0 } == (1...40).map { "a\($0)/1" })
        #expect(calls.count == 10)
        #expect(bench.acknowledged.count == 40)
    }

    @Test
    func
        `what succeeded behind a failure of its key is called again behind it, uncounted, and not acknowledged before`()
        async throws
    {
        let (calls, bench) = try await seen(loans("a1", "a2", "b1", "a3")) { batch in
            if let first = batch.first(where: { $0.event.minorUnits == 1 && $0.event.loanID == "a" }),
                first.context.attempt == 1
            {
                try batch[1].context.publish(LoanClosed(loanID: "early"))
                first.fail(Boom())
            }
        }
        #expect(calls == [["a1/1", "a2/1", "b1/1", "a3/1"], ["a1/2", "a2/1", "a3/1"]])
        #expect(bench.transport.published.isEmpty)
        // Another key does not wait.
        #expect(bench.acknowledged == [2, 0, 1, 3].map { EventID("\($0)") })
    }

    @Test func `behind a delayed retry or a dead letter the others of the key go on`() async throws {
        let (calls, bench) = try await seen(
            loans("a1", "a2", "b1", "a3"), retry: RetryPolicy(immediate: [], delayed: [.seconds(9)])
        ) { batch in
            batch[0].fail(Boom())
            batch[1].fail(PermanentError("never"))
        }
        #expect(calls.count == 1)
        #expect(bench.acknowledged.count == 2)
        #expect(bench.deadLetters.count == 1)
        #expect(bench.transport.depth(of: bench.service).delayed == 1)
    }

    @Test func `nothing of a key is acknowledged before its earlier failure is stored`() async throws {
        let bench = Bench(retry: .none)
        let latch = Latch()
        let isStoring = Observed(false)
        bench.transport.before(.deadLetter) { _ in
            isStoring.update { $0 = true }
            try await latch.pass()
        }
        for loan in loans("a1", "a2", "b1", "b2") { try bench.send(loan) }
        let worker = bench.worker {
            Subscription(toBatchesOf: LoanOpened.self, upTo: 4, within: .seconds(1)) { $0[0].fail(Boom()) }
        }
        try await worker.running {
            try await isStoring.wait { $0 }
            try await bench.transport.wait(for: bench.service) { $0.unsettled == 2 }
            #expect(bench.acknowledged.count == 2)
            latch.open()
            try await bench.settled()
        }
        #expect(bench.deadLetters.count == 1)
        #expect(bench.acknowledged.count == 3)
    }

    @Test func `an event of another type waits for the batch of its key, and comes before those behind it`()
        async throws
    {
        let bench = Bench(retry: .none)
        let seen = Observed<[String]>([])
        try bench.send(LoanOpened(loanID: "a", minorUnits: 1))
        try bench.send(LoanOpened(loanID: "a", minorUnits: 2))
        try bench.send(LoanClosed(loanID: "a"))
        try bench.send(LoanOpened(loanID: "a", minorUnits: 3))
        let worker = bench.worker {
            Subscription(toBatchesOf: LoanOpened.self, upTo: 3, within: .seconds(1)) { batch in
                let text = batch.map { "\($0.event.minorUnits)" }.joined(separator: "+")
                seen.update { $0.append(text) }
            }
            Subscription(to: LoanClosed.self) { _, _ in seen.update { $0.append("closed") } }
        }
        try await worker.running {
            try await polled { worker.collecting?.count == 2 }
            bench.clock.advance(by: .seconds(1))
            try await seen.wait { $0.count == 2 }
            try await polled { worker.collecting?.count == 1 }
            bench.clock.advance(by: .seconds(1))
            try await bench.settled()
        }
        #expect(seen.value == ["1+2", "closed", "3"])
    }
}
