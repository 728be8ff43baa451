import AMQP
import ArgumentParser
import Foundation
import Harebell
import Testing

@testable import HarebellBench

@Suite struct `The worker benchmark` {
    private func job(_ client: Client) -> Job {
        Job(
            case: .handle, client: client, host: "127.0.0.1", port: 5672, user: "u", password: "p", virtualHost: "/",
            queue: "bench", messages: 2, bytes: 256, window: 200, consumers: 1, content: .events, deliveryMode: 2)
    }

    private func row(_ client: Client, _ case: Case, cpu: [Double], bytes: Int? = 30_000_000) -> Row {
        var row = Row(Contender(scenario: .ofWorker, case: `case`, client: client, messages: 1000))
        row.samples = cpu.map { Outcome(seconds: 1, cpuSeconds: $0 / 1_000, peakRSSBytes: bytes) }
        return row
    }

    private func judgement(_ title: String, _ rows: [Row]) throws -> Judgement {
        try #require(WorkerJudgements(rows).all.first { $0.title == title })
    }

    // MARK: What is measured

    @Test func `everything that is judged is measured, each once and with as many messages`() throws {
        let contenders = try WorkerBenchmark.parse([]).contenders
        #expect(Set(contenders).count == contenders.count)
        #expect(
            contenders.map { "\($0.case.rawValue) \($0.client.rawValue)" } == [
                "consume-batch harebell", "consume-tasks harebell", "consume-decoded harebell", "handle harebell",
                "handle-logged harebell", "handle faststream", "handle celery", "handle dramatiq",
            ])
        #expect(contenders.allSatisfy { $0.messages == 6000 && $0.scenario == .ofWorker })
    }

    @Test(arguments: [["--clients", "pika"], ["--messages", "1"], ["--window", "70000"], ["--runs", "0"]])
    func `what cannot be measured is refused`(arguments: [String]) {
        #expect(throws: (any Error).self) { try WorkerBenchmark.parse(arguments) }
    }

    @Test func `frameworks are no clients of the other benchmark`() {
        #expect(throws: (any Error).self) { try AMQPBenchmark.parse(["--clients", "celery"]) }
        #expect(throws: (any Error).self) { try AMQPBenchmark.parse(["--cases", "handle"]) }
    }

    // MARK: What is sent

    @Test func `an event has as many bytes as asked for, and comes out as it went in`() throws {
        let event = try PaidOut(bytes: 256)
        let body = try EventCodec.encode(event)
        #expect(body.count == 256)
        let read = try PaidOut(decoding: body)
        #expect(read.loanID == event.loanID)
        #expect(read.borrower == event.borrower)
        #expect(read.amount == event.amount)
    }

    @Test func `every event is about a loan of its own and goes through the exchange of its type`() throws {
        let messages = try job(.harebell).events(3)
        #expect(Set(messages.map(\.properties.messageID)).count == 3)
        #expect(messages.allSatisfy { $0.exchange == "harebell-bench.paid-out" && $0.body.count == 256 })
        #expect(messages.allSatisfy { $0.properties.headers["cloudEvents_partitionkey"] != nil })
    }

    @Test func `Celery gets the event as the only argument of a task`() throws {
        let message = try #require(try job(.celery).events(1).first)
        let body = try JSONSerialization.jsonObject(with: Data(message.body)) as? [Any]
        let arguments = try #require(body?.first as? [[String: Any]])
        #expect(arguments.first?["loanID"] is String)
        #expect(arguments.count == 1 && body?.count == 3)
        #expect(message.properties.headers["task"] == "handle")
    }

    @Test func `Dramatiq gets the event as the only argument of an actor`() throws {
        let message = try #require(try job(.dramatiq).events(1).first)
        let body = try #require(JSONSerialization.jsonObject(with: Data(message.body)) as? [String: Any])
        #expect((body["args"] as? [[String: Any]])?.first?["loanID"] is String)
        #expect(body["queue_name"] as? String == "bench")
        #expect(body["actor_name"] as? String == "handle")
    }

    // MARK: What is judged

    @Test(arguments: [(14.0, Judgement.Verdict.ok), (18, .short), (21, .missed)])
    func `the framework's cost is what a handler takes above deliveries and decoding`(
        cpu: Double, verdict: Judgement.Verdict
    ) throws {
        let rows = [
            row(.harebell, .consumeDecoded, cpu: [10, 10, 10]), row(.harebell, .handle, cpu: [cpu - 1, cpu, cpu + 1]),
        ]
        let judged = try judgement("handle, CPU above consume-decoded", rows)
        #expect(judged.verdict == verdict)
        #expect(abs((judged.value ?? 0) - (cpu - 10)) < 1e-9)
        #expect(abs((judged.spread?.lowerBound ?? 0) - (cpu - 11)) < 1e-9)
    }

    @Test func `throughput by core is the inverse ratio of processor times`() throws {
        let rows = [row(.harebell, .handle, cpu: [20]), row(.dramatiq, .handle, cpu: [120])]
        let judged = try judgement("handle, throughput by core against dramatiq", rows)
        #expect(abs((judged.value ?? 0) - 6) < 1e-9)
        #expect(judged.verdict == .short)
        #expect(try judgement("handle, throughput by core against celery", rows).verdict == .unknown)
    }

    @Test(arguments: [(39_000_000, Judgement.Verdict.ok), (59_000_000, .short), (61_000_000, .missed)])
    func `memory is judged in megabytes`(bytes: Int, verdict: Judgement.Verdict) throws {
        let judged = try judgement("handle, peak RSS", [row(.harebell, .handle, cpu: [20], bytes: bytes)])
        #expect(judged.verdict == verdict)
    }

    @Test func `the table compares with the deliveries alone`() {
        let text = Table(
            [row(.harebell, .consumeTasks, cpu: [5]), row(.harebell, .handle, cpu: [20])], baseline: .raw
        ).text
        let lines = text.split(separator: "\n").map { $0.split(separator: " ").map(String.init) }
        #expect(lines[0].joined(separator: " ").contains("work queue · events of 256 bytes · window 200"))
        #expect(lines[3][7] == "4.00")
    }

    // MARK: The section

    @Test func `a section ends with the last event and not before`() async throws {
        let section = HandledSection(messages: 3, counter: -1)
        async let outcome = section.end()
        for _ in 0..<3 { section.handledOne() }
        let measured = try #require(await outcome)
        #expect(measured.seconds >= 0)
        #expect(measured.calls == nil)
    }
}
