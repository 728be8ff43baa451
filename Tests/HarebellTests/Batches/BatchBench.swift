import Harebell
import HarebellTesting

/// A worker with a handler of batches of pings: what it was called with, and what it says of each.
struct BatchBench: Sendable {
    struct Call: Sendable, Equatable {
        var numbers: [Int]
        var attempts: [Int]
    }

    var bench: Bench
    let calls = Observed<[Call]>([])
    var size = 5
    var wait: Duration = .seconds(1)
    var timeout: Duration?

    init(_ bench: Bench = Bench(retry: .none)) { self.bench = bench }

    var numbers: [[Int]] { calls.value.map(\.numbers) }

    func worker(
        _ body: @escaping @Sendable (EventBatch<Ping>) async throws -> Void = { _ in }
    ) -> Worker<InMemoryTransport> {
        bench.worker {
            Subscription(toBatchesOf: Ping.self, upTo: size, within: wait, timeout: timeout) { batch in
                let call = Call(numbers: batch.map(\.event.number), attempts: batch.map(\.context.attempt))
                calls.update { $0.append(call) }
                try await body(batch)
            }
        }
    }

    @discardableResult
    func send(_ numbers: some Sequence<Int>, attempts: Int = 0) throws -> [EventID] {
        try numbers.map { try bench.send(Ping(number: $0), attempts: attempts) }
    }

    /// Returns when so many wait in batches that are not full.
    func collected(_ count: Int, by worker: Worker<InMemoryTransport>) async throws {
        try await polled { worker.collecting?.count == count }
    }
}

private struct NotSo: Error {}

/// Returns when something is so that nobody tells.
func polled(_ condition: @escaping @Sendable () -> Bool) async throws {
    let end = ContinuousClock.now + .seconds(10)
    while !condition() {
        guard ContinuousClock.now < end else { throw NotSo() }
        await Task.yield()
    }
}
