import Harebell
import HarebellTesting
import Testing

/// Batches in the harness that users test their own handlers with.
@Suite(.timeLimit(.minutes(1))) struct BatchHarnessTests {
    private func harness(_ sizes: Observed<[Int]>, failing: Int? = nil) -> TestHarness {
        let harness = TestHarness()
        harness.service("ledger") {
            Subscription(toBatchesOf: Ping.self, upTo: 3, within: .seconds(2)) { batch in
                sizes.update { $0.append(batch.count) }
                for item in batch where item.event.number == failing && item.context.attempt < 6 { item.fail(Boom()) }
            }
        }
        return harness
    }

    @Test func `settling waits for batches that are not full`() async throws {
        let sizes = Observed<[Int]>([])
        let harness = harness(sizes)
        try await harness.running {
            for number in 0..<4 { try await harness.publish(Ping(number: number)) }
            try await harness.settle()
            #expect(sizes.value == [3, 1])
            #expect(harness.clock.uptime == .seconds(2))
            #expect(try harness.handled(Ping.self, by: "ledger").count == 4)
        }
    }

    @Test func `a batch is handled at its time and not before`() async throws {
        let sizes = Observed<[Int]>([])
        let harness = harness(sizes)
        try await harness.running {
            try await harness.publish(Ping(number: 1))
            try await harness.advance(by: .milliseconds(1_999))
            #expect(sizes.value.isEmpty)
            try await harness.publish(Ping(number: 2))
            try await harness.advance(by: .milliseconds(1))
            #expect(sizes.value == [2])
        }
    }

    @Test func `retries come back into batches`() async throws {
        let sizes = Observed<[Int]>([])
        let harness = harness(sizes, failing: 1)
        try await harness.running {
            for number in 0..<3 { try await harness.publish(Ping(number: number)) }
            try await harness.settleRetries()
            // Three retries at once, then two delayed ones.
            #expect(sizes.value == [3, 1, 1, 1, 1, 1])
            #expect(harness.retried(by: "ledger").map(\.delay) == [.seconds(1), .seconds(5)])
            #expect(harness.deadLetters(of: "ledger").isEmpty)
            #expect(try harness.handled(Ping.self, by: "ledger").count == 3)
        }
    }
}
