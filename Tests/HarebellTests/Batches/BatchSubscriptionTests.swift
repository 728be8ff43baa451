import HarebellTesting
import Testing

@testable import Harebell

@Suite struct BatchSubscriptionTests {
    private struct CountPings: BatchHandler {
        func handle(_ batch: EventBatch<Ping>) async throws {}
    }

    private func problems(
        _ configuration: WorkerConfiguration = WorkerConfiguration(), _ subscription: Subscription
    ) -> String? {
        do {
            _ = try SubscriptionTable([subscription], service: "email", configuration: configuration)
            return nil
        } catch {
            return "\(error)"
        }
    }

    @Test func `a batch handler has its type's name, a closure its event's`() {
        #expect(Subscription(CountPings(), upTo: 10, within: .seconds(1)).name == "CountPings")
        #expect(Subscription(toBatchesOf: Ping.self, upTo: 10, within: .seconds(1)) { _ in }.name == "test.ping")
    }

    @Test func `a batch larger than the prefetch or the concurrency is refused, and the error says why`() throws {
        let subscription = Subscription(CountPings(), upTo: 30, within: .seconds(1))
        let text = try #require(problems(WorkerConfiguration(prefetch: 20, concurrency: 10), subscription))
        #expect(text.contains("the batches of CountPings have up to 30, and the prefetch is 20"))
        #expect(text.contains("the batches of CountPings have up to 30, and the concurrency is 10"))
        #expect(problems(WorkerConfiguration(prefetch: 30, concurrency: 30), subscription) == nil)
    }

    @Test func `a size and a wait that make no sense are refused`() throws {
        for wait in [Duration.zero, .seconds(61)] {
            let text = try #require(problems(Subscription(CountPings(), upTo: 0, within: wait)))
            #expect(text.contains("have up to 0, must be at least 1"))
            #expect(text.contains("must be above 0 and at most a minute"))
        }
        #expect(problems(Subscription(CountPings(), upTo: 1, within: .seconds(60))) == nil)
    }

    private func problems(_ subscription: Subscription) -> String? { problems(WorkerConfiguration(), subscription) }

    @Test func `the prefetch of a live worker cannot fall below the size of its batches`() async throws {
        let worker = Bench(prefetch: 10).worker { Subscription(CountPings(), upTo: 10, within: .seconds(1)) }
        let error = await #expect(throws: HarebellError.self) { try await worker.setPrefetch(9) }
        #expect(error?.message.contains("the batches of CountPings have up to 10") == true)
        try await worker.setPrefetch(11)
        #expect(worker.prefetch == 11)
    }
}
