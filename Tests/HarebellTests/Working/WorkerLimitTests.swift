import Harebell
import HarebellTesting
import Testing

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

@Suite(.timeLimit(.minutes(1))) struct WorkerLimitTests {
    @Test func `no more are worked on at a time than the concurrency, in order, though more are in hand`() async throws
    {
        var bench = Bench(prefetch: 10)
        bench.configuration.concurrency = 2
        for number in 0..<20 { try bench.send(Ping(number: number)) }
        let begun = Observed<[Int]>([])
        let latch = Latch()
        let local = bench
        let worker = local.worker {
            Subscription(to: Ping.self) { event, _ in
                begun.update { $0.append(event.number) }
                try await latch.pass()
            }
        }
        try await worker.running {
            try await local.transport.wait(for: local.service) { $0.unsettled == 10 }
            try await begun.wait { $0.count == 2 }
            #expect(worker.messagesInHand == 10)
            latch.open()
            try await local.settled()
        }
        #expect(Set(begun.value) == Set(0..<20))
    }

    @Test func `calls of handlers keep to the rate, retries in place too`() async throws {
        var bench = Bench(skipsSleeps: false, retry: RetryPolicy(immediate: [.zero], delayed: []))
        bench.configuration.rateLimit = RateLimit(1, per: .seconds(10))
        for number in 0..<3 { try bench.send(Ping(number: number)) }
        let calls = Observed<[Duration]>([])
        let local = bench
        try await local.worker {
            Subscription(to: Ping.self) { event, context in
                calls.update { $0.append(local.clock.uptime) }
                if event.number == 0, context.attempt == 1 { throw Boom() }
            }
        }.running {
            for count in 1...4 {
                try await calls.wait { $0.count == count }
                if count == 4 { break }
                while calls.value.count == count {
                    local.clock.advance(by: .seconds(1))
                    for _ in 0..<20 { await Task.yield() }
                }
            }
            try await local.settled()
        }
        // Each call has a token of its own, and they come every 10 s; a busy machine may make a call later than it could.
        for (number, call) in calls.value.enumerated() { #expect(call >= .seconds(10) * number) }
        #expect(local.acknowledged.count == 3)
    }

    @Test func `what has waited for too long goes back, uncounted and in order, and comes again`() async throws {
        var bench = Bench(skipsSleeps: false, prefetch: 3)
        bench.configuration.rateLimit = RateLimit(1, per: .seconds(3_600))
        let ids = try (0..<3).map { try bench.send(Ping(number: $0)) }
        let handled = Observed<[Int]>([])
        let local = bench
        try await local.worker {
            Subscription(to: Ping.self) { event, _ in handled.update { $0.append(event.number) } }
        }.running {
            // One of them has the token.
            try await local.transport.wait(for: local.service) { $0.unsettled == 2 && $0.ready == 0 }
            let waiting = ids.indices.filter { !handled.value.contains($0) }.map { ids[$0] }
            // The timeout of a handler is 60 s: after 14 minutes it could not have its time.
            local.clock.advance(to: .seconds(839))
            #expect(local.released.isEmpty)
            local.clock.advance(to: .seconds(850))
            try await local.transport.waitForSettlements(of: local.service, 3)
            #expect(local.released == waiting)
            try await local.transport.wait(for: local.service) { $0.unsettled == 2 }
        }
        #expect(local.deadLetters.isEmpty)
    }

    @Test func `what goes back after too long a wait does not get behind what arrives at that moment`() async throws {
        var bench = Bench(skipsSleeps: false, prefetch: 1_000)
        bench.configuration.rateLimit = RateLimit(1, per: .seconds(1_200))
        let handled = Observed<[Int64]>([])
        let local = bench
        try await local.worker {
            Subscription(to: LoanOpened.self) { event, _ in handled.update { $0.append(event.minorUnits) } }
        }.running {
            var sent: Int64 = 0
            while handled.value.count < 8 {
                if sent < 60 {
                    try local.send(LoanOpened(loanID: "one", minorUnits: sent))
                    sent += 1
                }
                local.clock.advance(by: .seconds(60))
                for _ in 0..<20 { await Task.yield() }
                // What was handed back has come again before time goes on.
                try await local.transport.wait(for: local.service) { $0.ready == 0 }
            }
        }
        #expect(local.released.count > 20)
        #expect(handled.value == Array(0..<Int64(handled.value.count)))
    }

    @Test func `a body over the limit is poison, and the others are handled`() async throws {
        var bench = Bench()
        bench.configuration.maximumBodySize = 40
        try bench.send(LoanOpened(loanID: String(repeating: "x", count: 100)))
        try bench.send(Ping(number: 1))
        let local = bench
        try await local.worker {
            Subscription(to: LoanOpened.self) { _, _ in }
            Subscription(to: Ping.self) { _, _ in }
        }.running { try await local.settled() }
        #expect(local.deadLetters.map(\.reason) == [.poison])
        #expect(local.deadLetters.first?.record.errorType == "BodyTooLarge")
        #expect(local.deadLetters.first?.record.attempts == 0)
        #expect(local.acknowledged.count == 1)
    }

    @Test func `an event over its age expires without a call, and is handled when it is replayed`() async throws {
        var bench = Bench()
        bench.configuration.maximumAge = .seconds(60)
        try bench.send(Ping(number: 1))
        bench.clock.advance(by: .seconds(61))
        try bench.send(Ping(number: 2))
        let handled = Observed<[Int]>([])
        let local = bench
        try await local.worker {
            Subscription(to: Ping.self) { event, _ in handled.update { $0.append(event.number) } }
        }.running {
            try await local.settled()
            #expect(handled.value == [2])
            let letter = try #require(local.deadLetters.first)
            #expect(letter.reason == .expired)
            #expect(letter.record.attempts == 0)
            local.transport.replay(letter, to: local.service)
            try await local.settled()
        }
        #expect(handled.value == [2, 1])
        #expect(local.deadLetters.isEmpty)
    }

    @Test func `a handler that ignores its cancellation is reported again and again`() async throws {
        let bench = Bench(retry: .none)
        try bench.send(Ping(number: 1))
        let begun = Observed(false)
        let latch = Latch()
        let log = LogRecorder()
        @Sendable func reports() -> [String] {
            log.lines.value.filter { $0.message.contains("ignores its cancellation") }
                .compactMap { $0.metadata["overdue_ms"] }
        }
        try await bench.worker(logger: log.logger) {
            Subscription(to: Ping.self) { _, _ in
                begun.update { $0 = true }
                await latch.passRegardless()
            }
        }.running {
            try await begun.wait { $0 }
            while reports().count < 6 {
                bench.clock.advance(by: .seconds(30))
                for _ in 0..<20 { await Task.yield() }
            }
            latch.open()
            try await bench.settled()
        }
        #expect(reports() == [60, 120, 240, 480, 960, 1_440].map { "\($0 * 1_000)" })
        #expect(bench.acknowledged.count == 1)
    }

    @Test func `an outcome that cannot be stored for a quarter of an hour is given up, and the message comes again`()
        async throws
    {
        let bench = Bench(retry: .none)
        try bench.send(Ping(number: 1))
        bench.transport.fail(.deadLetter)
        let calls = Observed(0)
        try await bench.worker {
            Subscription(to: Ping.self) { _, _ in
                calls.update { $0 += 1 }
                throw Boom()
            }
        }.running {
            try await calls.wait { $0 >= 2 }
            #expect(bench.clock.uptime > .seconds(800))
            bench.transport.mend(.deadLetter)
            try await bench.settled()
        }
        #expect(!bench.released.isEmpty)
        #expect(bench.deadLetters.count == 1)
    }

    @Test func `what is given up comes again before the later ones of its key`() async throws {
        let bench = Bench(skipsSleeps: false, retry: .none)
        for number in 1...3 as ClosedRange<Int64> { try bench.send(LoanOpened(loanID: "one", minorUnits: number)) }
        bench.transport.fail(.deadLetter)
        let calls = Observed<[Int64]>([])
        try await bench.worker {
            Subscription(to: LoanOpened.self) { event, _ in
                calls.update { $0.append(event.minorUnits) }
                if event.minorUnits == 1 { throw Boom() }
            }
        }.running {
            // The later ones have waited for too long first: they go back, come again and wait anew.
            while bench.released.count < 2 {
                bench.clock.advance(by: .seconds(5))
                for _ in 0..<50 { await Task.yield() }
            }
            try await bench.transport.wait(for: bench.service) { $0.unsettled == 3 }
            while calls.value.count < 2 {
                bench.clock.advance(by: .seconds(5))
                for _ in 0..<50 { await Task.yield() }
            }
            bench.transport.mend(.deadLetter)
            while bench.acknowledged.count < 2 {
                bench.clock.advance(by: .seconds(5))
                for _ in 0..<50 { await Task.yield() }
            }
        }
        #expect(calls.value == [1, 1, 2, 3])
        #expect(bench.deadLetters.count == 1)
    }

    @Test func `a retry in place that would wait too long for the rate waits with the broker`() async throws {
        var bench = Bench(retry: RetryPolicy(immediate: [.milliseconds(1)], delayed: []))
        bench.configuration.rateLimit = RateLimit(1, per: .seconds(3_600))
        try bench.send(Ping(number: 1))
        let local = bench
        let calls = Observed(0)
        try await local.worker {
            Subscription(to: Ping.self) { _, context in
                calls.update { $0 += 1 }
                if context.attempt == 1 { throw Boom() }
            }
        }.running {
            try await local.transport.waitForSettlements(of: local.service, 1)
        }
        #expect(calls.value == 1)
        let retries = local.settlements.compactMap { settlement -> Duration? in
            if case .retried(_, let delay, _) = settlement { delay } else { nil }
        }
        #expect(retries.count == 1 && retries.allSatisfy { $0 > .seconds(900) && $0 <= .seconds(3_600) })
    }

    @Test func `limits out of range are refused at the start, all at once`() async {
        var bench = Bench()
        bench.configuration.concurrency = 21
        bench.configuration.maximumBodySize = -1
        bench.configuration.maximumAge = .zero
        let worker = bench.worker { Subscription(to: Ping.self) { _, _ in } }
        let error = await #expect(throws: HarebellError.self) { try await worker.run() }
        for word in ["concurrency", "body size", "age"] { #expect(error?.message.contains(word) == true) }
    }
}
