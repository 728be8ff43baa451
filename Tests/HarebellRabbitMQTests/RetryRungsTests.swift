import Foundation
import Testing

@testable import HarebellRabbitMQ

@Suite struct RetryRungsTests {
    let rungs = RetryRungs.default

    @Test func `a delay equal to a rung waits on it`() {
        for delay in rungs.delays { #expect(rungs.hop(for: delay) == .rung(delay)) }
    }

    @Test func `no delay is due at once`() {
        #expect(rungs.hop(for: .zero) == .due)
        #expect(rungs.hop(for: .seconds(-3)) == .due)
    }

    @Test func `a delay just below a rung is rounded up to it`() {
        #expect(rungs.hop(for: .milliseconds(4_800)) == .rung(.seconds(5)))
        #expect(rungs.hop(for: .milliseconds(4_700)) == .rung(.seconds(1)))
    }

    @Test func `a rest below the smallest rung is held by a timer`() {
        #expect(rungs.hop(for: .milliseconds(900)) == .timer(.milliseconds(900)))
    }

    @Test(arguments: [
        [Duration.seconds(1), .seconds(5), .seconds(30)], [.milliseconds(50)],
        [.milliseconds(70), .milliseconds(900), .seconds(3)],
    ])
    func `descending the rungs is never early and late by at most 5 percent`(delays: [Duration]) {
        let rungs = RetryRungs(delays)
        var random = SplitMix(seed: 42)
        for _ in 0..<2_000 {
            let wanted = Duration.milliseconds(Int64.random(in: 1...200_000, using: &random))
            var waited = Duration.zero
            var hops = 0
            while waited < wanted, hops < 10_000 {
                hops += 1
                switch rungs.hop(for: wanted - waited) {
                case .rung(let rung): waited += rung
                case .timer(let rest): waited += rest
                case .due: Issue.record("due before its time")
                }
            }
            #expect(waited >= wanted)
            #expect(waited <= wanted * 105 / 100)
        }
    }

    /// Rungs as someone might choose them, with the default's first.
    static let choices: [[Duration]] = [
        RetryRungs.default.delays, [.seconds(1)], [.milliseconds(50)], [.milliseconds(50), .milliseconds(200)],
        [.milliseconds(70), .milliseconds(900), .seconds(3), .seconds(61), .seconds(3_601)],
        [.seconds(2), .seconds(3), .seconds(5), .seconds(7), .seconds(11), .seconds(13)], [.seconds(7_200)],
    ]

    /// A day of delays: each decade as often as any other, and the edges of all rungs.
    private static func delays(_ rungs: RetryRungs, count: Int) -> [Duration] {
        var random = SplitMix(seed: 7)
        var all: [Duration] = []
        for rung in rungs.delays {
            all += [rung - .milliseconds(1), rung, rung + .milliseconds(1)]
            all += [rung * 95 / 100, rung * 20 / 21, rung * 2]
        }
        for _ in 0..<count {
            let factor = Foundation.pow(1_728_000, Double.random(in: 0...1, using: &random))
            all.append(.milliseconds(Int64(50 * factor)))
        }
        // Longer ones begin with more of the largest rung, and end like these.
        let longest = min(Duration.seconds(86_400), (rungs.delays.last ?? .zero) * 3_000)
        return all.filter { $0 > .zero && $0 <= longest }
    }

    @Test(arguments: choices)
    func `any delay up to a day is never early, at most 5 percent and a second late, in a bounded number of hops`(
        choice: [Duration]
    ) throws {
        let rungs = RetryRungs(choice)
        var random = SplitMix(seed: 11)
        let largest = try #require(rungs.delays.last)
        // As many as fit of the largest, and of each other what is left of the next one; then one that rounds up or a timer.
        var descent = 0.0
        for (lower, upper) in zip(rungs.delays, rungs.delays.dropFirst()) { descent += (upper / lower).rounded(.up) }
        for delay in Self.delays(rungs, count: 300) {
            for slowness in [Duration.zero, .milliseconds(200), .seconds(1)] {
                var now = Duration.zero
                var hops = 0
                while now < delay {
                    hops += 1
                    switch rungs.hop(for: delay - now) {
                    case .rung(let rung): now += rung
                    case .timer(let rest): now += rest
                    case .due: Issue.record("due before its time")
                    }
                    // The broker and the worker take their time with each.
                    now += .milliseconds(Int64.random(in: 0...slowness.wholeMilliseconds, using: &random))
                }
                #expect(rungs.hop(for: delay - now) == .due)
                #expect(now <= delay * 105 / 100 + slowness, "\(delay) took \(now)")
                #expect(Double(hops) <= delay / largest + descent + 2, "\(delay) took \(hops) hops")
            }
        }
    }

    @Test(arguments: choices)
    func `every duration has an answer`(choice: [Duration]) {
        let rungs = RetryRungs(choice)
        for delay: Duration in [.seconds(-1_000_000_000), .nanoseconds(1), .seconds(86_400 * 365 * 100)] {
            switch rungs.hop(for: delay) {
            case .due: #expect(delay <= .zero)
            case .timer(let rest): #expect(rest == delay && rest < rungs.delays[0])
            case .rung(let rung): #expect(rung <= delay * 105 / 100)
            }
        }
    }

    @Test func `rungs are named by their largest unit`() {
        let names = [
            Duration.milliseconds(50), .seconds(1), .seconds(90), .seconds(120), .seconds(3600), .seconds(7200),
        ]
        .map(\.rungName)
        #expect(names == ["50ms", "1s", "90s", "2m", "1h", "2h"])
    }

    @Test func `rungs are sorted and unique`() {
        #expect(RetryRungs([.seconds(5), .seconds(1), .seconds(5)]).delays == [.seconds(1), .seconds(5)])
    }
}

struct SplitMix: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }
}
