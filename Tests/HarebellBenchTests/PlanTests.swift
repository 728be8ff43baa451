import ArgumentParser
import Testing

@testable import HarebellBench

@Suite struct `The plan` {
    @Test func `the judged table's rows are all measured, each once`() {
        let contenders = Plan(.init()).contenders
        #expect(Set(contenders).count == contenders.count)
        for judged in [Scenario(), Scenario(broker: .null)] {
            let cases = contenders.filter { $0.scenario == judged }.map { "\($0.case.rawValue) \($0.client.rawValue)" }
            #expect(cases.count == 14, "\(cases)")
        }
        #expect(contenders.contains { $0.scenario.tls && $0.client == .harebell && $0.case == .consumeTasks })
        #expect(contenders.contains { $0.scenario.bytes == 2_000_000 && $0.client == .c })
    }

    @Test func `the default run is estimated at ten minutes at most`() {
        #expect(Plan(.init()).estimate(runs: 7) < 600)
    }

    @Test func `clients without tasks have no row for tasks`() {
        let contenders = Plan(.init()).contenders
        #expect(!contenders.contains { $0.client == .c && $0.case == .publishTasks })
        #expect(!contenders.contains { $0.client == .pika && $0.case == .consumeTasks })
    }

    @Test func `the null broker is asked for neither quorum queues nor TLS`() {
        let contenders = Plan(.init(), scenarios: Plan.matrix).contenders
        #expect(contenders.contains { $0.scenario.queue == .quorum })
        let null = contenders.map(\.scenario).filter { $0.broker == .null }
        #expect(!null.isEmpty)
        #expect(!null.contains { $0.tls || $0.queue == .quorum })
    }

    @Test func `large bodies shrink the window and the number of messages`() {
        #expect(Scenario(bytes: 2_000_000).window * 2_000_000 <= Scenario.bytesUnderWay)
        #expect(Scenario(bytes: 256).window == 1000)
        let contenders = Plan(.init(messages: 100_000), scenarios: [Scenario(bytes: 2_000_000)]).contenders
        #expect(contenders.allSatisfy { $0.messages < 550 })
    }

    @Test func `options multiply`() throws {
        let benchmark = try AMQPBenchmark.parse([
            "--brokers", "rabbitmq", "--bytes", "100,1024", "--windows", "1,64", "--queues", "quorum", "--tls", "both",
        ])
        #expect(benchmark.scenarios?.count == 8)
        #expect(benchmark.scenarios?.allSatisfy { $0.queue == .quorum && $0.broker == .rabbitmq } == true)
    }

    @Test(arguments: [["--windows", "0"], ["--clients", "c,java"], ["--consumers", "101"], ["--runs", "0"]])
    func `what cannot be measured is refused`(arguments: [String]) {
        #expect(throws: (any Error).self) { try AMQPBenchmark.parse(arguments) }
    }
}
