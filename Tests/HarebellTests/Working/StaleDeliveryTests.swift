import Harebell
import HarebellTesting
import Testing

@Suite struct StaleDeliveryTests {
    @Test func `what had not begun when its connection was lost begins once, in the order of its key`() async throws {
        let bench = Bench(prefetch: 10)
        for number in 0..<4 { try bench.send(LoanOpened(loanID: "one", minorUnits: Int64(number))) }
        let calls = Observed<[Int64]>([])
        let latch = Latch()
        try await bench.worker {
            Subscription(to: LoanOpened.self) { event, _ in
                calls.update { $0.append(event.minorUnits) }
                try await latch.pass()
            }
        }.running {
            try await bench.transport.wait(for: bench.service) { $0.unsettled == 4 }
            try await calls.wait { $0.count == 1 }
            bench.transport.loseConnections()
            try await bench.transport.wait(for: bench.service) { $0.unsettled == 4 }
            latch.open()
            try await bench.settled()
        }
        // The first had begun; of the others nothing was known but that they come again.
        #expect(calls.value == [0, 0, 1, 2, 3])
    }

    @Test func `a batch takes only what can still be settled`() async throws {
        let bench = Bench(prefetch: 10)
        let sizes = Observed<[Int]>([])
        for number in 0..<3 { try bench.send(Ping(number: number)) }
        try await bench.worker {
            Subscription(toBatchesOf: Ping.self, upTo: 6, within: .seconds(60)) { batch in
                sizes.update { $0.append(batch.count) }
            }
        }.running {
            try await bench.transport.wait(for: bench.service) { $0.unsettled == 3 }
            bench.transport.loseConnections()
            // Three that are stale, and the same three again: the batch is full.
            try await bench.settled()
        }
        #expect(sizes.value == [3])
    }
}
