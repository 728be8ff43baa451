import HarebellTesting
import Testing

@testable import Harebell

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

@Suite struct FailureRuleTests {
    @Test func `a rule can say that the dependency is down, and an error can too`() {
        let rules: [FailureRule] = [.dependencyDown(Boom.self) { $0.text == "down" }]
        #expect(rules.verdict(on: Boom(text: "down")).classification == .dependencyDown(retryAfter: nil))
        #expect(rules.verdict(on: Boom()).classification == .transient(retryAfter: nil))
        let error = DependencyDownError("no answer", retryAfter: .seconds(3), underlying: Boom())
        #expect(rules.verdict(on: error).classification == .dependencyDown(retryAfter: .seconds(3)))
        #expect(FailureDescription(error, handler: nil, eventType: nil).type == "Boom")
    }

    private struct Foreign: Error, Hashable { var code: Int }
    private struct Busy: FailureClassifying {
        var failureClassification: FailureClassification { .transient(retryAfter: .seconds(9)) }
    }

    private func classification(_ error: any Error, _ rules: [FailureRule]) -> FailureClassification {
        rules.verdict(on: error).classification
    }

    @Test func `without a rule an error speaks for itself, and what says nothing is transient`() {
        #expect(classification(Foreign(code: 1), []) == .transient(retryAfter: nil))
        #expect(classification(PermanentError("no"), []) == .permanent)
        #expect(classification(Busy(), []) == .transient(retryAfter: .seconds(9)))
    }

    @Test func `a rule speaks for errors of its type that fit, and for no others`() {
        let rules: [FailureRule] = [.permanent(Foreign.self) { $0.code == 4 }]
        #expect(classification(Foreign(code: 4), rules) == .permanent)
        #expect(classification(Foreign(code: 5), rules) == .transient(retryAfter: nil))
        #expect(classification(Boom(), rules) == .transient(retryAfter: nil))
    }

    @Test func `the first rule that knows the error counts`() {
        let policy = RetryPolicy(immediate: [], delayed: [.seconds(7)])
        let rules: [FailureRule] = [
            .transient(Foreign.self, retry: policy) { $0.code < 3 }, .permanent(Foreign.self),
        ]
        #expect(classification(Foreign(code: 2), rules) == .transient(retryAfter: nil))
        #expect(rules.verdict(on: Foreign(code: 2)).retry == policy)
        #expect(classification(Foreign(code: 3), rules) == .permanent)
        #expect(rules.verdict(on: Foreign(code: 3)).retry == nil)
    }

    @Test func `a rule overrules what the error says, but not when it wants to come back`() {
        #expect(classification(PermanentError("no"), [.transient(PermanentError.self)]) == .transient(retryAfter: nil))
        #expect(classification(Busy(), [.transient(Busy.self)]) == .transient(retryAfter: .seconds(9)))
        #expect(classification(Busy(), [.permanent(Busy.self)]) == .permanent)
    }

    @Test func `a delay is taken out of an error that carries one`() {
        let rules: [FailureRule] = [.retryAfter(Foreign.self) { $0.code > 0 ? .seconds($0.code) : nil }]
        #expect(classification(Foreign(code: 12), rules) == .transient(retryAfter: .seconds(12)))
        #expect(classification(Foreign(code: 0), rules) == .transient(retryAfter: nil))
    }
}

@Suite(.timeLimit(.minutes(1))) struct `Failure rules in a worker` {
    private struct Refused: Error {}
    private struct Locked: Error {}

    @Test func `the subscription's come before the worker's`() async throws {
        var prepared = Bench()
        prepared.configuration.failures = [.permanent(Refused.self), .permanent(Locked.self)]
        let bench = prepared
        try bench.send(Ping(number: 1))
        try bench.send(Ping(number: 2))
        let policy = RetryPolicy(immediate: [], delayed: .fixed(.seconds(42), times: 2), jitter: .none)
        try await bench.worker {
            Subscription(to: Ping.self, failures: [.transient(Locked.self, retry: policy)]) { ping, _ in
                if ping.number == 1 { throw Refused() }
                throw Locked()
            }
        }.running { try await bench.drain() }
        #expect(bench.deadLetters.map(\.reason) == [.permanent, .exhausted])
        #expect(bench.deadLetters.map(\.record.attempts) == [1, 3])
        #expect(bench.transport.retryDelays(of: bench.service) == [.seconds(42), .seconds(42)])
    }

    @Test func `the age is counted from the first failure, over all attempts`() async throws {
        let bench = Bench(
            retry: RetryPolicy(
                immediate: [], delayed: .fixed(.seconds(60), times: 1_000), jitter: .none, maximumAge: .seconds(200)))
        try bench.send(Ping(number: 1))
        try await bench.worker {
            Subscription(to: Ping.self) { _, _ in throw Boom() }
        }.running { try await bench.drain() }
        let letter = try #require(bench.deadLetters.first)
        #expect(letter.reason == .exhausted)
        #expect(letter.record.attempts == 4)
        #expect(letter.record.failedAt.timeIntervalSince(letter.record.firstFailedAt) == 180)
    }
}
