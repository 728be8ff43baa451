import HarebellTesting
import Testing

@testable import Harebell

@Suite struct SubscriptionTests {
    private struct CountPings: Handler {
        func handle(_ event: Ping, context: HandlerContext) async throws {}
    }

    private func built(@SubscriptionBuilder _ body: () -> [Subscription]) -> [String] { body().map(\.name) }

    @Test func `the builder takes handlers, subscriptions, conditions and loops`() {
        let isOn = true
        let isOff = false
        let names = built {
            CountPings()
            Subscription(to: Ping.self, name: "closure") { _, _ in }
            if isOn { Subscription(to: Ping.self, name: "on") { _, _ in } }
            if isOff { Subscription(to: Ping.self, name: "off") { _, _ in } }
            if isOff { CountPings() } else { Subscription(to: Ping.self, name: "else") { _, _ in } }
            for name in ["a", "b"] { Subscription(to: Ping.self, name: name) { _, _ in } }
            [Subscription(CountPings(), name: "array")]
        }
        #expect(names == ["CountPings", "closure", "on", "else", "a", "b", "array"])
    }

    @Test func `a closure's name is its event type unless it has one`() {
        #expect(Subscription(to: Ping.self) { _, _ in }.name == "test.ping")
        #expect(Subscription(CountPings()).name == "CountPings")
        #expect(Subscription(CountPings()).eventType == "test.ping")
    }

    private func problems(
        _ configuration: WorkerConfiguration = WorkerConfiguration(),
        @SubscriptionBuilder _ subscriptions: () -> [Subscription]
    ) -> String? {
        do {
            _ = try SubscriptionTable(subscriptions(), service: "email", configuration: configuration)
            return nil
        } catch {
            return "\(error)"
        }
    }

    @Test func `two handlers for one event type are refused with both names`() throws {
        let text = try #require(
            problems {
                CountPings()
                Subscription(to: Ping.self, name: "second") { _, _ in }
            })
        #expect(text.contains("test.ping has two handlers, CountPings and second"))
        #expect(text.contains("\"email\" cannot start"))
    }

    @Test func `all mistakes are reported at once`() throws {
        let text = try #require(
            problems(WorkerConfiguration(prefetch: 0, gracePeriod: .seconds(-1))) {
                Subscription(to: Ping.self, timeout: .zero) { _, _ in }
                Subscription(to: LoanOpened.self, timeout: .seconds(601)) { _, _ in }
                Subscription(to: LoanOpened.self) { _, _ in }
            })
        for part in [
            "prefetch is 0", "grace period", "timeout of test.ping", "timeout of test.loan-opened", "two handlers",
        ] {
            #expect(text.contains(part), "\(part) is not in \(text)")
        }
    }

    @Test func `a worker that subscribes to nothing is refused`() {
        #expect(problems {}?.contains("subscribes to nothing") == true)
    }

    @Test func `the limits themselves are allowed`() {
        #expect(
            problems(WorkerConfiguration(prefetch: 65_535, handlerTimeout: .seconds(600), gracePeriod: .zero)) {
                CountPings()
            } == nil)
        #expect(problems(WorkerConfiguration(prefetch: 1)) { CountPings() } == nil)
    }

    @Test(.timeLimit(.minutes(1))) func `a worker with two handlers for one type does not start`() async throws {
        let bench = Bench()
        try bench.send(Ping(number: 1))
        let worker = bench.worker {
            CountPings()
            CountPings()
        }
        let error = await #expect(throws: HarebellError.self) { try await worker.run() }
        #expect(error?.code == .invalidWorker)
        #expect(bench.transport.calls(of: .open) == 0)
        #expect(bench.transport.depth(of: bench.service).ready == 1)
    }

    @Test func `a service's defaults fill what a subscription leaves open`() throws {
        let table = try SubscriptionTable(
            [
                Subscription(to: Ping.self) { _, _ in },
                Subscription(to: LoanOpened.self, retry: RetryPolicy.none, timeout: .seconds(1)) { _, _ in },
            ], service: "email", configuration: WorkerConfiguration(handlerTimeout: .seconds(9)))
        #expect(table["test.ping"]?.timeout == .seconds(9))
        #expect(table["test.ping"]?.retry == .default)
        #expect(table["test.loan-opened"]?.timeout == .seconds(1))
        #expect(table["test.loan-opened"]?.retry == RetryPolicy.none)
        #expect(table["test.other"] == nil)
        #expect(table.eventTypes == ["test.ping", "test.loan-opened"])
    }

    @Test func `a handler can be called without a worker`() async throws {
        let context = HandlerContext.detached(try Envelope(Ping(number: 1), producer: "p"), service: "email")
        try await CountPings().handle(Ping(number: 1), context: context)
        try context.publish(Ping(number: 2))
        #expect(context.attempt == 1)
    }
}
