import HarebellTesting
import Testing

@testable import Harebell

@Suite struct TokenBucketTests {
    /// When calls are made of which as many as possible are wanted from the start.
    private func times(_ limit: RateLimit, _ count: Int) -> [Duration] {
        var bucket = TokenBucket(limit)
        return (0..<count).map { _ in bucket.take(at: .zero) }
    }

    @Test func `calls come one by one at the rate`() {
        #expect(times(RateLimit(4), 5) == [0, 250, 500, 750, 1_000].map { .milliseconds($0) })
        #expect(times(RateLimit(1, per: .seconds(60)), 3) == [0, 60, 120].map { .seconds($0) })
    }

    @Test func `a burst is made at once, and then the rate holds`() {
        #expect(times(RateLimit(2, burst: 3), 6) == [0, 0, 0, 500, 1_000, 1_500].map { .milliseconds($0) })
        #expect(RateLimit(1_000).burst == 100)
        #expect(RateLimit(5).burst == 1)
    }

    @Test func `tokens are kept up to the burst, however long nobody calls`() {
        var bucket = TokenBucket(RateLimit(1, burst: 2))
        let later = (0..<3).map { _ in bucket.take(at: .seconds(1_000)) }
        #expect(later == [1_000, 1_000, 1_001].map { .seconds($0) })
    }

    @Test(arguments: 1...10 as ClosedRange<UInt64>)
    func `in no time are there more calls than the rate and the burst allow`(seed: UInt64) {
        var generator = SeededGenerator(seed: seed)
        let limit = RateLimit(
            Int.random(in: 1...50, using: &generator), per: .milliseconds(Int.random(in: 1...5_000, using: &generator)),
            burst: Int.random(in: 1...9, using: &generator))
        var bucket = TokenBucket(limit)
        var now = Duration.zero
        var calls: [Duration] = []
        for _ in 0..<300 {
            now += .milliseconds(Int.random(in: 0..<200, using: &generator))
            let next = bucket.nextToken(at: now)
            #expect(bucket.take(at: now) == next && next >= now)
            calls.append(next)
            now = max(now, next)
        }
        for first in calls.indices {
            for last in calls.indices.dropFirst(first) {
                let allowed = Double(limit.burst) + (calls[last] - calls[first]) / limit.interval
                #expect(Double(last - first + 1) <= allowed + 0.001)
            }
        }
    }
}
