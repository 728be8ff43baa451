import Harebell
import HarebellTesting
import Testing

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// The rows of "what happens to a message" that a transport-independent worker answers for, with counts.
@Suite(.timeLimit(.minutes(1))) struct WorkerOutcomeTests {
    @Test func `a handler that returns is called once and acknowledged`() async throws {
        let bench = Bench()
        let id = try bench.send(LoanOpened(loanID: "L1", minorUnits: 7))
        let seen = Observed<[LoanOpened]>([])
        try await bench.worker {
            Subscription(to: LoanOpened.self) { event, _ in seen.update { $0.append(event) } }
        }.running { try await bench.settled() }
        #expect(seen.value == [LoanOpened(loanID: "L1", minorUnits: 7)])
        #expect(bench.settlements == [.acknowledged(id)])
    }

    @Test func `a thousand events are each handled once`() async throws {
        let bench = Bench()
        for number in 0..<1_000 { try bench.send(Ping(number: number)) }
        let seen = Observed<[Int]>([])
        try await bench.worker {
            Subscription(to: Ping.self) { event, _ in seen.update { $0.append(event.number) } }
        }.running { try await bench.settled() }
        #expect(seen.value.sorted() == Array(0..<1_000))
        #expect(bench.acknowledged.count == 1_000)
        #expect(bench.settlements.count == 1_000)
    }

    @Test func `the default policy calls ten times and then puts aside, in microseconds`() async throws {
        let bench = Bench()
        let id = try bench.send(Ping(number: 1))
        let attempts = Observed<[Int]>([])
        try await bench.worker {
            Subscription(to: Ping.self, name: "ping") { _, context in
                attempts.update { $0.append(context.attempt) }
                throw Boom()
            }
        }.running { try await bench.drain() }
        #expect(attempts.value == Array(1...10))
        #expect(bench.clock.sleeps == [.milliseconds(50), .milliseconds(250)])
        #expect(bench.transport.retryDelays(of: bench.service) == [1, 5, 30, 120, 600, 3_600].map { .seconds($0) })
        let letter = try #require(bench.deadLetters.first)
        #expect(bench.deadLetters.count == 1)
        #expect(letter.envelope?.id == id)
        #expect(letter.reason == .exhausted)
        #expect(letter.record.attempts == 10)
        #expect(letter.record.handler == "ping")
        #expect(letter.record.errorType == "Boom")
        #expect(letter.record.firstFailedAt == bench.clock.origin)
        #expect(letter.record.failedAt > bench.clock.origin.addingTimeInterval(4_356))
        #expect(bench.acknowledged.isEmpty)
    }

    @Test(arguments: 1...9)
    func `a handler that fails so many times and then returns is done`(failures: Int) async throws {
        let bench = Bench()
        try bench.send(Ping(number: 1))
        let calls = Observed(0)
        try await bench.worker {
            Subscription(to: Ping.self) { _, context in
                calls.update { $0 += 1 }
                if context.attempt <= failures { throw TransientError("not yet") }
            }
        }.running { try await bench.drain() }
        #expect(calls.value == failures + 1)
        #expect(bench.acknowledged.count == 1)
        #expect(bench.deadLetters.isEmpty)
        #expect(bench.transport.retryDelays(of: bench.service).count == max(0, failures - 3))
    }

    @Test func `a permanent error is put aside after one call`() async throws {
        let bench = Bench()
        try bench.send(Ping(number: 1))
        let calls = Observed(0)
        try await bench.worker {
            Subscription(to: Ping.self) { _, _ in
                calls.update { $0 += 1 }
                throw PermanentError("no such account", underlying: Boom())
            }
        }.running { try await bench.drain() }
        #expect(calls.value == 1)
        #expect(bench.deadLetters.map(\.reason) == [.permanent])
        #expect(bench.deadLetters.first?.record.errorType == "Boom")
        #expect(bench.deadLetters.first?.record.errorMessage.hasPrefix("no such account") == true)
    }

    @Test func `a retry-after is waited for and counted`() async throws {
        let bench = Bench()
        try bench.send(Ping(number: 1))
        let attempts = Observed<[Int]>([])
        try await bench.worker {
            Subscription(to: Ping.self) { _, context in
                attempts.update { $0.append(context.attempt) }
                if context.attempt < 3 { throw TransientError("busy", retryAfter: .seconds(42)) }
            }
        }.running { try await bench.drain() }
        #expect(attempts.value == [1, 2, 3])
        #expect(bench.transport.retryDelays(of: bench.service) == [.seconds(42), .seconds(42)])
        #expect(bench.clock.uptime == .seconds(84))
        #expect(bench.acknowledged.count == 1)
    }

    @Test func `a retry-after for ever ends after the policy's attempts`() async throws {
        let bench = Bench()
        try bench.send(Ping(number: 1))
        let calls = Observed(0)
        try await bench.worker {
            Subscription(to: Ping.self) { _, _ in
                calls.update { $0 += 1 }
                throw TransientError("busy", retryAfter: .seconds(1))
            }
        }.running { try await bench.drain() }
        #expect(calls.value == 10)
        #expect(bench.deadLetters.map(\.reason) == [.exhausted])
    }

    @Test func `a subscription's policy beats the worker's`() async throws {
        let bench = Bench()
        try bench.send(Ping(number: 1))
        try bench.send(LoanOpened(loanID: "L1"))
        let calls = Observed<[String: Int]>([:])
        try await bench.worker {
            Subscription(to: Ping.self, retry: RetryPolicy.none) { _, _ in
                calls.update { $0["ping", default: 0] += 1 }
                throw Boom()
            }
            Subscription(to: LoanOpened.self) { _, _ in
                calls.update { $0["loan", default: 0] += 1 }
                throw Boom()
            }
        }.running { try await bench.drain() }
        #expect(calls.value == ["ping": 1, "loan": 10])
    }

    @Test func `a malformed message is poison and its neighbours are handled`() async throws {
        let bench = Bench()
        try bench.send(Ping(number: 1))
        bench.transport.deliver(.failure(MalformedMessage(message: "no type", id: "m1")), to: bench.service)
        bench.transport.deliver(.failure(MalformedMessage(message: "no id")), to: bench.service)
        try bench.send(Ping(number: 2))
        let seen = Observed<[Int]>([])
        try await bench.worker {
            Subscription(to: Ping.self) { event, _ in seen.update { $0.append(event.number) } }
        }.running { try await bench.drain() }
        #expect(seen.value.sorted() == [1, 2])
        #expect(bench.deadLetters.map(\.reason) == [.poison, .poison])
        #expect(Set(bench.deadLetters.map(\.record.errorMessage)) == ["no type", "no id"])
        #expect(bench.deadLetters.allSatisfy { $0.record.attempts == 0 && $0.record.handler == nil })
        #expect(bench.transport.calls(of: .retry) == 0)
    }

    @Test func `an event that does not decode is poison with its field and path, and no call`() async throws {
        let bench = Bench()
        var envelope = try Envelope(Ping(number: 1), producer: "p")
        envelope.body = Array(#"{"number":"SECRET"}"#.utf8)
        bench.transport.deliver(.success(envelope), to: bench.service)
        let calls = Observed(0)
        try await bench.worker {
            Subscription(to: Ping.self) { _, _ in calls.update { $0 += 1 } }
        }.running { try await bench.drain() }
        #expect(calls.value == 0)
        let letter = try #require(bench.deadLetters.first)
        #expect(letter.reason == .poison)
        #expect(letter.envelope == envelope)
        #expect(letter.record.errorMessage.contains("\"number\""))
        #expect(!letter.record.errorMessage.contains("SECRET"))
        #expect(letter.record.errorType == "HarebellError.decodingFailed")
    }

    @Test func `an event without a handler waits five times, over ten minutes, then is put aside`() async throws {
        let bench = Bench()
        let id = try bench.send(LoanClosed(loanID: "L1"))
        try await bench.worker { Subscription(to: Ping.self) { _, _ in } }.running { try await bench.drain() }
        let delays = bench.transport.retryDelays(of: bench.service)
        #expect(delays.count == 5)
        #expect(delays.reduce(.zero, +) >= .seconds(600))
        let letter = try #require(bench.deadLetters.first)
        #expect(letter.envelope?.id == id)
        #expect(letter.reason == .unhandled)
        #expect(letter.record.attempts == 0)
        #expect(letter.record.errorMessage.contains("test.loan-closed"))
    }

    @Test func `an event whose handler arrives with the next version has all its attempts`() async throws {
        let bench = Bench()
        try bench.send(LoanClosed(loanID: "L1"), unhandledCount: 4)
        let attempts = Observed<[Int]>([])
        try await bench.worker {
            Subscription(to: LoanClosed.self) { _, context in attempts.update { $0.append(context.attempt) } }
        }.running { try await bench.drain() }
        #expect(attempts.value == [1])
    }

    @Test func `an event that failed before and lost its handler still waits for the next version`() async throws {
        let bench = Bench()
        try bench.send(LoanClosed(loanID: "L1"), attempts: 8)
        try await bench.worker { Subscription(to: Ping.self) { _, _ in } }.running { try await bench.drain() }
        #expect(bench.transport.retryDelays(of: bench.service).count == 5)
        #expect(bench.deadLetters.first?.record.attempts == 8)
    }

    @Test func `the broker's delivery count is never an attempt`() async throws {
        let bench = Bench()
        let envelope = try Envelope(Ping(number: 1), producer: "p")
        bench.transport.deliver(.success(envelope), to: bench.service, deliveryCount: 19)
        let attempts = Observed<[Int]>([])
        try await bench.worker {
            Subscription(to: Ping.self) { _, context in attempts.update { $0.append(context.attempt) } }
        }.running { try await bench.settled() }
        #expect(attempts.value == [1])
    }

    @Test func `a replayed dead letter has all its attempts again and the same id`() async throws {
        let bench = Bench(retry: .none)
        let id = try bench.send(Ping(number: 1))
        let isMended = Observed(false)
        let seen = Observed<[String]>([])
        try await bench.worker {
            Subscription(to: Ping.self) { _, context in
                seen.update { $0.append("\(context.idempotencyKey) \(context.attempt)") }
                if !isMended.value { throw Boom() }
            }
        }.running {
            try await bench.drain()
            let letter = try #require(bench.deadLetters.first)
            isMended.update { $0 = true }
            bench.transport.replay(letter, to: bench.service)
            try await bench.drain()
        }
        #expect(seen.value == ["\(id) 1", "\(id) 1"])
        #expect(bench.deadLetters.isEmpty)
        #expect(bench.acknowledged == [id])
    }

    @Test func `retries of one service are not seen by another`() async throws {
        let bench = Bench(retry: RetryPolicy(immediate: [], delayed: [.seconds(1)]))
        let other = Observed(0)
        let neighbour = Worker(
            service: "neighbour", transport: bench.transport, configuration: bench.configuration, logger: quiet
        ) {
            Subscription(to: Ping.self) { _, _ in other.update { $0 += 1 } }
        }
        let calls = Observed(0)
        let worker = bench.worker {
            Subscription(to: Ping.self) { _, _ in
                calls.update { $0 += 1 }
                throw Boom()
            }
        }
        try await neighbour.running {
            try await worker.running {
                try await bench.transport.waitForConsumer(of: "neighbour")
                try await bench.transport.waitForConsumer(of: bench.service)
                try await Publisher(service: "producer", transport: bench.transport).publish(Ping(number: 1))
                try await bench.drain()
                try await bench.transport.waitUntilSettled("neighbour")
            }
        }
        #expect(calls.value == 2)
        #expect(other.value == 1)
        #expect(bench.deadLetters.count == 1)
        #expect(bench.transport.deadLetters(of: "neighbour").isEmpty)
    }

    @Test func `a handler type is called with its event and its name`() async throws {
        struct CountPings: Handler {
            let seen: Observed<[String]>
            func handle(_ event: Ping, context: HandlerContext) async throws {
                seen.update { $0.append("\(context.handler) \(context.service) \(event.number)") }
            }
        }
        let bench = Bench()
        try bench.send(Ping(number: 3))
        let seen = Observed<[String]>([])
        try await bench.worker { CountPings(seen: seen) }.running { try await bench.settled() }
        #expect(seen.value == ["CountPings subject 3"])
    }
}
