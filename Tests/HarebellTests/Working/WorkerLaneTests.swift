import Harebell
import HarebellTesting
import Testing

/// Events with the same partition key run one after another, others beside each other.
@Suite(.timeLimit(.minutes(1))) struct WorkerLaneTests {
    @Test func `events of one key are handled in order, a hundred keys interleaved`() async throws {
        var bench = Bench()
        bench.configuration.prefetch = 50
        for number in 0..<10 {
            for key in 0..<100 { try bench.send(LoanOpened(loanID: "\(key)", minorUnits: Int64(number))) }
        }
        let seen = Observed<[String: [Int64]]>([:])
        let running = Observed<Set<String>>([])
        let overlaps = Observed(0)
        let local = bench
        try await local.worker {
            Subscription(to: LoanOpened.self) { event, _ in
                if !running.update({ $0.insert(event.loanID).inserted }) { overlaps.update { $0 += 1 } }
                await Task.yield()
                seen.update { $0[event.loanID, default: []].append(event.minorUnits) }
                running.update { _ = $0.remove(event.loanID) }
            }
        }.running { try await local.settled() }
        #expect(overlaps.value == 0)
        #expect(seen.value.count == 100)
        #expect(seen.value.values.allSatisfy { $0 == Array(0..<10) })
    }

    @Test func `the order holds between different event types of one key`() async throws {
        let bench = Bench()
        let latch = Latch()
        try bench.send(LoanOpened(loanID: "L1"))
        try bench.send(LoanClosed(loanID: "L1"))
        let seen = Observed<[String]>([])
        try await bench.worker {
            Subscription(to: LoanOpened.self) { _, _ in
                seen.update { $0.append("open begins") }
                try await latch.pass()
                seen.update { $0.append("open ends") }
            }
            Subscription(to: LoanClosed.self) { _, _ in seen.update { $0.append("close") } }
        }.running {
            try await seen.wait { $0 == ["open begins"] }
            try await bench.transport.wait(for: bench.service) { $0.unsettled == 2 }
            latch.open()
            try await bench.settled()
        }
        #expect(seen.value == ["open begins", "open ends", "close"])
    }

    @Test func `a slow key holds up no other key`() async throws {
        let bench = Bench()
        let latch = Latch()
        for loan in ["slow", "slow", "slow", "other", "third"] { try bench.send(LoanOpened(loanID: loan)) }
        let begun = Observed<[String]>([])
        try await bench.worker {
            Subscription(to: LoanOpened.self) { event, _ in
                begun.update { $0.append(event.loanID) }
                if event.loanID == "slow" { try await latch.pass() }
            }
        }.running {
            // Not the three alone: so many are unsettled too while the first are delivered and none has begun.
            try await begun.wait { Set($0) == ["slow", "other", "third"] }
            try await bench.transport.wait(for: bench.service) { $0.unsettled == 3 }
            #expect(begun.value.count { $0 == "slow" } == 1)
            #expect(Set(begun.value) == ["slow", "other", "third"])
            latch.open()
            try await bench.settled()
        }
        #expect(begun.value.count == 5)
    }

    @Test func `events without a key run beside each other`() async throws {
        let bench = Bench()
        let latch = Latch()
        for number in 0..<5 { try bench.send(Ping(number: number)) }
        let begun = Observed(0)
        try await bench.worker {
            Subscription(to: Ping.self) { _, _ in
                begun.update { $0 += 1 }
                try await latch.pass()
            }
        }.running {
            try await begun.wait { $0 == 5 }
            latch.open()
            try await bench.settled()
        }
    }

    @Test func `an empty key is no key`() async throws {
        let bench = Bench()
        let latch = Latch()
        for _ in 0..<3 {
            var envelope = try Envelope(Ping(number: 1), producer: "p")
            envelope.partitionKey = ""
            bench.transport.deliver(.success(envelope), to: bench.service)
        }
        let begun = Observed(0)
        try await bench.worker {
            Subscription(to: Ping.self) { _, _ in
                begun.update { $0 += 1 }
                try await latch.pass()
            }
        }.running {
            try await begun.wait { $0 == 3 }
            latch.open()
        }
    }

    @Test func `a lane goes on when its head went to a delayed retry`() async throws {
        let bench = Bench(retry: RetryPolicy(immediate: [], delayed: [.seconds(60)]))
        try bench.send(LoanOpened(loanID: "L1", minorUnits: 1))
        try bench.send(LoanOpened(loanID: "L1", minorUnits: 2))
        let seen = Observed<[String]>([])
        try await bench.worker {
            Subscription(to: LoanOpened.self) { event, context in
                seen.update { $0.append("\(event.minorUnits)/\(context.attempt)") }
                if event.minorUnits == 1, context.attempt == 1 { throw Boom() }
            }
        }.running { try await bench.drain() }
        #expect(seen.value == ["1/1", "2/1", "1/2"])
    }

    @Test func `immediate retries keep the order`() async throws {
        let bench = Bench()
        try bench.send(LoanOpened(loanID: "L1", minorUnits: 1))
        try bench.send(LoanOpened(loanID: "L1", minorUnits: 2))
        let seen = Observed<[String]>([])
        try await bench.worker {
            Subscription(to: LoanOpened.self) { event, context in
                seen.update { $0.append("\(event.minorUnits)/\(context.attempt)") }
                if event.minorUnits == 1, context.attempt < 4 { throw Boom() }
            }
        }.running { try await bench.settled() }
        #expect(seen.value == ["1/1", "1/2", "1/3", "1/4", "2/1"])
    }

    @Test func `no more run at a time than the prefetch`() async throws {
        var bench = Bench()
        bench.configuration.prefetch = 3
        for number in 0..<30 { try bench.send(Ping(number: number)) }
        let now = Observed(0)
        let most = Observed(0)
        let local = bench
        try await local.worker {
            Subscription(to: Ping.self) { _, _ in
                let running = now.update {
                    $0 += 1
                    return $0
                }
                most.update { $0 = max($0, running) }
                await Task.yield()
                now.update { $0 -= 1 }
            }
        }.running { try await local.settled() }
        #expect(most.value <= 3)
        #expect(local.acknowledged.count == 30)
    }
}
