import HarebellTesting
import Testing

@testable import Harebell

@Suite struct RetryPolicyTests {
    private let policy = RetryPolicy.default
    private let transient = FailureClassification.transient(retryAfter: nil)

    @Test(arguments: [
        (1, FailureDecision.retryImmediately(after: .zero)), (2, .retryImmediately(after: .milliseconds(50))),
        (3, .retryImmediately(after: .milliseconds(250))), (4, .retryDelayed(after: .seconds(1))),
        (5, .retryDelayed(after: .seconds(5))), (6, .retryDelayed(after: .seconds(30))),
        (7, .retryDelayed(after: .seconds(120))), (8, .retryDelayed(after: .seconds(600))),
        (9, .retryDelayed(after: .seconds(3_600))), (10, .deadLetter(.exhausted)), (11, .deadLetter(.exhausted)),
    ])
    func `the default policy, attempt by attempt`(attempt: Int, expected: FailureDecision) {
        #expect(policy.decision(attempt: attempt, classification: transient, random: 0.5) == expected)
    }

    @Test func `the default policy calls a handler ten times`() {
        #expect(policy.maximumAttempts == 10)
        #expect(RetryPolicy.none.maximumAttempts == 1)
    }

    @Test func `no policy means the first failure is the last`() {
        #expect(
            RetryPolicy.none.decision(attempt: 1, classification: transient, random: 0.5) == .deadLetter(.exhausted))
    }

    @Test(arguments: [1, 4, 10, 1_000])
    func `a permanent error is a dead letter at once`(attempt: Int) {
        #expect(policy.decision(attempt: attempt, classification: .permanent, random: 0) == .deadLetter(.permanent))
    }

    @Test(arguments: 1...9)
    func `a retry-after is that delay, at any attempt`(attempt: Int) {
        let decision = policy.decision(
            attempt: attempt, classification: .transient(retryAfter: .seconds(17)), random: 0.99)
        #expect(decision == .retryDelayed(after: .seconds(17)))
    }

    @Test func `a retry-after counts as an attempt`() {
        let decision = policy.decision(
            attempt: 10, classification: .transient(retryAfter: .seconds(17)), random: 0.5)
        #expect(decision == .deadLetter(.exhausted))
    }

    @Test func `a retry-after is bounded`() {
        func delay(_ wish: Duration) -> FailureDecision {
            policy.decision(attempt: 1, classification: .transient(retryAfter: wish), random: 0.5)
        }
        #expect(delay(.seconds(-5)) == .retryDelayed(after: .zero))
        #expect(delay(.seconds(1 << 40)) == .retryDelayed(after: RetryPolicy.longestDelay))
    }

    @Test func `the jitter stays within twenty percent and uses all of it`() {
        #expect(
            policy.decision(attempt: 4, classification: transient, random: 0)
                == .retryDelayed(after: .milliseconds(800)))
        guard case .retryDelayed(let late) = policy.decision(attempt: 4, classification: transient, random: 0.999_999)
        else { return #expect(Bool(false)) }
        #expect(late > .milliseconds(1_199) && late < .milliseconds(1_200))
    }

    @Test func `immediate retries have no jitter`() {
        for random in [0, 0.3, 0.999] {
            #expect(
                policy.decision(attempt: 2, classification: transient, random: random)
                    == .retryImmediately(after: .milliseconds(50)))
        }
    }

    // MARK: Properties

    /// Policies and inputs of all kinds, the same in every run.
    private func cases(_ body: (RetryPolicy, Int, FailureClassification, Double) -> Void) {
        var random = SeededGenerator(seed: 7)
        func durations() -> [Duration] {
            (0..<Int.random(in: 0...6, using: &random)).map { _ in
                .milliseconds(Int.random(in: -1_000...100_000_000, using: &random))
            }
        }
        for _ in 0..<2_000 {
            let policy = RetryPolicy(
                immediate: durations(), delayed: durations(),
                jitter: [.none, .full, .equal, .within(Double.random(in: -1...3, using: &random))]
                    .randomElement(using: &random) ?? .none)
            let retryAfter: Duration? =
                Bool.random(using: &random) ? nil : .seconds(Int.random(in: -10...1_000_000, using: &random))
            let classification: FailureClassification =
                [.permanent, .transient(retryAfter: retryAfter), .dependencyDown(retryAfter: retryAfter)]
                .randomElement(using: &random) ?? .permanent
            body(
                policy, Int.random(in: -3...20, using: &random), classification,
                Double.random(in: 0..<1, using: &random))
        }
    }

    @Test func `every decision is bounded`() {
        cases { policy, attempt, classification, random in
            switch policy.decision(attempt: attempt, classification: classification, random: random) {
            case .retryImmediately(let delay), .retryDelayed(let delay):
                #expect(delay >= .zero && delay <= RetryPolicy.longestDelay)
                #expect(attempt < policy.maximumAttempts)
            case .deadLetter(let reason):
                #expect(reason == .permanent || reason == .exhausted)
            }
        }
    }

    @Test func `every policy ends after its last attempt and not before`() {
        cases { policy, _, _, random in
            for attempt in 1..<policy.maximumAttempts {
                let decision = policy.decision(attempt: attempt, classification: transient, random: random)
                #expect(decision != .deadLetter(.exhausted))
            }
            #expect(
                policy.decision(attempt: policy.maximumAttempts, classification: transient, random: random)
                    == .deadLetter(.exhausted))
        }
    }

    @Test func `where the dependency is down nothing is tried at once, unless there are no delayed retries`() {
        let down = FailureClassification.dependencyDown(retryAfter: nil)
        cases { policy, _, _, random in
            for attempt in 1..<policy.maximumAttempts {
                let decision = policy.decision(attempt: attempt, classification: down, random: random)
                if case .retryImmediately = decision {
                    #expect(policy.delayed.isEmpty)
                } else {
                    #expect(decision != .deadLetter(.exhausted), "it has as many attempts as any other failure")
                }
            }
            #expect(
                policy.decision(attempt: policy.maximumAttempts, classification: down, random: random)
                    == .deadLetter(.exhausted))
        }
    }

    @Test func `a dependency that says when it will be back is believed`() {
        #expect(
            RetryPolicy.default.decision(
                attempt: 1, classification: .dependencyDown(retryAfter: .seconds(90)), random: 0.1)
                == .retryDelayed(after: .seconds(90)))
        #expect(
            RetryPolicy.default.decision(attempt: 1, classification: .dependencyDown(retryAfter: nil), random: 0.5)
                == .retryDelayed(after: .seconds(1)))
    }

    @Test func `immediate retries come before delayed ones`() {
        cases { policy, _, _, random in
            let kinds = (1..<policy.maximumAttempts).map { attempt in
                if case .retryImmediately = policy.decision(attempt: attempt, classification: transient, random: random)
                {
                    return 0
                }
                return 1
            }
            #expect(kinds == kinds.sorted())
            #expect(kinds.count { $0 == 0 } == policy.immediate.count)
        }
    }

    @Test func `default delays grow with every attempt, whatever the jitter`() {
        var generator = SeededGenerator(seed: 11)
        for _ in 0..<500 {
            var last = Duration.zero
            for attempt in 4..<10 {
                let random = Double.random(in: 0..<1, using: &generator)
                guard
                    case .retryDelayed(let delay) = policy.decision(
                        attempt: attempt, classification: transient, random: random)
                else { return #expect(Bool(false)) }
                #expect(delay > last)
                last = delay
            }
        }
    }

    @Test func `numbers that are none do no harm`() {
        let odd = RetryPolicy(immediate: [], delayed: [.seconds(1)], jitter: .within(.nan))
        #expect(odd.decision(attempt: 1, classification: transient, random: .nan) == .retryDelayed(after: .seconds(1)))
        let wide = RetryPolicy(immediate: [], delayed: [.seconds(1)], jitter: .within(.infinity))
        #expect(wide.decision(attempt: 1, classification: transient, random: 0) == .retryDelayed(after: .zero))
    }

    // MARK: Delays and jitter

    @Test func `delays are fixed, linear or exponential, up to a cap`() {
        func seconds(_ values: Double...) -> [Duration] { values.map { .seconds($0) } }
        #expect([Duration].fixed(.seconds(3), times: 3) == seconds(3, 3, 3))
        #expect([Duration].linear(from: .seconds(1), times: 4) == seconds(1, 2, 3, 4))
        #expect(
            [Duration].linear(from: .seconds(1), by: .seconds(5), times: 4, cap: .seconds(8)) == seconds(1, 6, 8, 8))
        #expect([Duration].exponential(from: .seconds(1), times: 5) == seconds(1, 2, 4, 8, 16))
        #expect(
            [Duration].exponential(from: .seconds(1), factor: 10, times: 4, cap: .seconds(60)) == seconds(1, 10, 60, 60)
        )
    }

    @Test func `delays made of odd numbers are delays all the same`() {
        for factor in [Double.nan, .infinity, 0, -3, 1e300] {
            let delays = [Duration].exponential(from: .seconds(1), factor: factor, times: 2_000)
            #expect(delays.count == 2_000)
            #expect(delays.allSatisfy { $0 >= .seconds(1) && $0 <= RetryPolicy.longestDelay })
            #expect(delays == delays.sorted())
        }
        #expect([Duration].fixed(.seconds(1), times: -1).isEmpty)
        #expect([Duration].linear(from: .seconds(-5), by: .seconds(-5), times: 2) == [.zero, .zero])
        #expect([Duration].exponential(from: .seconds(9), times: 2, cap: .seconds(-1)) == [.zero, .zero])
    }

    @Test(arguments: [
        (Jitter.none, 10.0, 10.0), (.full, 0, 10), (.equal, 5, 10), (.within(0.3), 7, 13), (0.2, 8, 12), (1, 0, 20),
    ])
    func `a jitter is within its bounds and reaches both`(jitter: Jitter, least: Double, most: Double) {
        var generator = SeededGenerator(seed: 3)
        for _ in 0..<200 {
            let delay = jitter.delay(.seconds(10), random: .random(in: 0..<1, using: &generator))
            #expect(delay >= .seconds(least) && delay <= .seconds(most))
        }
        #expect(jitter.delay(.seconds(10), random: 0) == .seconds(least))
        #expect(jitter.delay(.seconds(10), random: 1) == .seconds(most))
    }

    // MARK: Age

    @Test func `a retry that would come too long after the first failure is none`() {
        let policy = RetryPolicy(
            immediate: [.seconds(1)], delayed: .fixed(.seconds(60), times: 100), jitter: .none,
            maximumAge: .seconds(150))
        func decision(_ attempt: Int, _ age: Int, retryAfter: Duration? = nil) -> FailureDecision {
            policy.decision(
                attempt: attempt, classification: .transient(retryAfter: retryAfter), age: .seconds(age), random: 0.5)
        }
        #expect(decision(1, 149) == .retryImmediately(after: .seconds(1)))
        #expect(decision(1, 150) == .deadLetter(.exhausted))
        #expect(decision(2, 90) == .retryDelayed(after: .seconds(60)))
        #expect(decision(2, 91) == .deadLetter(.exhausted))
        #expect(decision(2, 0, retryAfter: .seconds(150)) == .retryDelayed(after: .seconds(150)))
        #expect(decision(2, 0, retryAfter: .seconds(151)) == .deadLetter(.exhausted))
    }

    // MARK: Unhandled types

    @Test func `an unhandled event is retried five times over more than ten minutes`() {
        for random in [0, 0.5, 0.999] {
            var total = Duration.zero
            for visit in 1...5 {
                guard case .retryDelayed(let delay) = RetryPolicy.unhandledDecision(visits: visit, random: random)
                else { return #expect(Bool(false)) }
                total += delay
            }
            #expect(total >= .seconds(600))
            #expect(RetryPolicy.unhandledDecision(visits: 6, random: random) == .deadLetter(.unhandled))
        }
    }
}
