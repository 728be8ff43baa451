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
