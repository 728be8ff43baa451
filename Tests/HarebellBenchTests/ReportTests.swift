import Foundation
import Testing

@testable import HarebellBench

@Suite struct `The report` {
    private func row(
        _ client: Client, _ case: Case, scenario: Scenario = Scenario(), seconds: [Double], cpu: Double = 0.001,
        calls: [Int] = []
    ) -> Row {
        var row = Row(Contender(scenario: scenario, case: `case`, client: client, messages: 1000))
        row.samples = seconds.map { Outcome(seconds: $0, cpuSeconds: cpu, peakRSSBytes: 1_000_000) }
        row.calls = calls
        return row
    }

    private func object(_ row: Row) throws -> [String: Any] {
        let json = try JSONSerialization.jsonObject(with: JSONEncoder().encode(row))
        return try #require(json as? [String: Any])
    }

    @Test func `a row in JSON has the medians and the spread under the agreed names`() throws {
        let row = try object(row(.aioPika, .publishTasks, seconds: [1, 2, 4], calls: [100, 300, 900]))
        #expect(row["case"] as? String == "publish-tasks")
        #expect(row["client"] as? String == "aio-pika")
        #expect(row["queue"] as? String == "classic")
        #expect(row["broker"] as? String == "rabbitmq")
        #expect(row["tls"] as? Bool == false)
        #expect(row["bytes"] as? Int == 256)
        #expect(row["window"] as? Int == 1000)
        #expect(row["messagesPerSecond"] as? Double == 500)
        #expect(row["slowestMessagesPerSecond"] as? Double == 250)
        #expect(row["fastestMessagesPerSecond"] as? Double == 1000)
        #expect(row["cpuMicrosecondsPerMessage"] as? Double == 1)
        #expect(row["syscallsPerMessage"] as? Double == 0.3)
        #expect(row["peakRSSBytes"] as? Int == 1_000_000)
        #expect(row["runs"] as? Int == 3)
    }

    @Test func `what was not measured is null in JSON, and its key is there`() throws {
        var row = row(.pika, .consumeBatch, seconds: [])
        row.failure = "not installed"
        let object = try object(row)
        for key in ["messagesPerSecond", "cpuMicrosecondsPerMessage", "syscallsPerMessage", "peakRSSBytes"] {
            #expect(object[key] is NSNull, "\(key)")
        }
        #expect(object["failure"] as? String == "not installed")
    }

    @Test func `the table says what was not measured with dashes, and ratios to the C loop`() {
        let text = Table([
            row(.c, .publishBatch, seconds: [1]), row(.harebell, .publishTasks, seconds: [0.5]),
            row(.pika, .publishBatch, seconds: []),
        ]).text
        let lines = text.split(separator: "\n").map { $0.split(separator: " ").map(String.init) }
        #expect(lines[2] == ["publish-batch", "c", "1000", "1000", "1000", "1.00", "1.00", "1.00", "-", "1.0"])
        #expect(lines[3][5] == "2.00")
        #expect(lines[4] == ["publish-batch", "pika"] + Array(repeating: "-", count: 8))
    }

    private func judgement(_ title: String, _ rows: [Row]) throws -> Judgement {
        try #require(Judgements(rows).all.first { $0.title == title })
    }

    @Test func `a judgement is the ratio of the medians with the spread of the rounds`() throws {
        let rows = [
            row(.c, .publishBatch, seconds: [1, 1, 1]), row(.harebell, .publishTasks, seconds: [1, 0.8, 2]),
        ]
        let judged = try judgement("64 tasks publish, throughput against C", rows)
        #expect(judged.value == 1)
        #expect(judged.spread == 0.5...1.25)
        #expect(judged.verdict == .ok)
    }

    @Test(arguments: [(0.0005, Judgement.Verdict.ok), (0.0008, .short), (0.0012, .missed)])
    func `a judgement tells an aim that is missed from a must that is missed`(
        cpu: Double, verdict: Judgement.Verdict
    ) throws {
        let rows = [
            row(.c, .publishBatch, seconds: [1]), row(.harebell, .publishBatch, seconds: [1], cpu: cpu),
        ]
        #expect(try judgement("batch publish, CPU against C", rows).verdict == verdict)
    }

    @Test func `what was not measured on both sides is not judged`() throws {
        let rows = [row(.harebell, .publishBatch, seconds: [1])]
        let judged = try judgement("batch publish, CPU against C", rows)
        #expect(judged.value == nil)
        #expect(judged.verdict == .unknown)
        #expect(Judgement.table([judged]).hasSuffix("-"))
    }
}
