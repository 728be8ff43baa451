/// The contract of the project's issue "The AMQP module", judged from the rows of one run.
struct Judgements {
    /// BunnySwift 0.13, the other client on SwiftNIO, was measured once beside the C loop, which is what carries its
    /// figures to another machine: batch publish 7.4 µs beside 7.5 µs, consume and ack 72 µs beside 4.9 µs of CPU.
    static let bunnyPublish = 7.4 / 7.5
    static let bunnyConsume = 72 / 4.9

    private let rows: [Row]

    init(_ rows: [Row]) {
        self.rows = rows
    }

    private func row(
        _ client: Client, _ case: Case, broker: BrokerKind = .rabbitmq, bytes: Int = 256, tls: Bool = false
    ) -> Row? {
        rows.first { row in
            row.contender.client == client && row.contender.case == `case`
                && row.contender.scenario == Scenario(broker: broker, bytes: bytes, tls: tls)
        }
    }

    private enum Figure {
        case rate, cpu

        func values(_ row: Row?) -> [Double] {
            switch self {
            case .rate: row?.rates ?? []
            case .cpu: row?.cpuMicroseconds ?? []
            }
        }
    }

    private typealias Limits = (must: Judgement.Limit, aim: Judgement.Limit)

    /// The ratio of medians; its spread is that of the rounds.
    private func ratio(
        _ title: String, _ figure: Figure, _ ours: Row?, _ theirs: Row?, scale: Double = 1, _ limits: Limits
    ) -> Judgement {
        let (mine, others) = (figure.values(ours), figure.values(theirs))
        let rounds = zip(mine, others).map { $0 / $1 / scale }
        var value: Double?
        if let mine = median(mine), let other = median(others), other > 0 { value = mine / other / scale }
        var spread: ClosedRange<Double>?
        if let low = rounds.min(), let high = rounds.max() { spread = low...high }
        return Judgement(title: title, value: value, spread: spread, must: limits.must, aim: limits.aim)
    }

    private func calls(_ title: String, _ row: Row?, _ limits: Limits) -> Judgement {
        let counts = row?.systemCalls ?? []
        var spread: ClosedRange<Double>?
        if let low = counts.min(), let high = counts.max() { spread = low...high }
        return Judgement(
            title: title, unit: "", value: median(counts), spread: spread, must: limits.must, aim: limits.aim)
    }

    private static let large = 2_000_000

    /// In the order of the contract.
    var all: [Judgement] {
        let (c, d) = (row(.c, .publishBatch), row(.c, .consumeBatch))
        let (publish, tasks) = (row(.harebell, .publishBatch), row(.harebell, .publishTasks))
        let (consume, each) = (row(.harebell, .consumeBatch), row(.harebell, .consumeTasks))
        return [
            ratio("batch publish, CPU against C", .cpu, publish, c, (.atMost(1), .atMost(0.5))),
            ratio("64 tasks publish, throughput against C", .rate, tasks, c, (.atLeast(0.8), .atLeast(1))),
            ratio(
                "64 tasks publish on the loop, throughput against C", .rate, row(.harebell, .publishLoop), c,
                (.atLeast(0.8), .atLeast(1))),
            ratio("consume in batches, CPU against C", .cpu, consume, d, (.atMost(1.5), .atMost(1))),
            ratio("consume with tasks, throughput against C", .rate, each, d, (.atLeast(0.8), .atLeast(1))),
            ratio("consume with tasks, CPU against C", .cpu, each, d, (.atMost(4), .atMost(3))),
            calls("system calls per published message", publish, (.atMost(0.3), .atMost(0.15))),
            calls("system calls per consumed message", consume, (.atMost(0.4), .atMost(0.2))),
            ratio(
                "batch publish with TLS, CPU against plain", .cpu, row(.harebell, .publishBatch, tls: true), publish,
                (.atMost(3), .atMost(2))),
            ratio(
                "consume with TLS, CPU against plain", .cpu, row(.harebell, .consumeBatch, tls: true), consume,
                (.atMost(3), .atMost(2))),
            ratio(
                "publish 2 MB, throughput against C", .rate, row(.harebell, .publishBatch, bytes: Self.large),
                row(.c, .publishBatch, bytes: Self.large), (.atLeast(0.9), .atLeast(1))),
            ratio(
                "consume 2 MB, throughput against C", .rate, row(.harebell, .consumeBatch, bytes: Self.large),
                row(.c, .consumeBatch, bytes: Self.large), (.atLeast(0.9), .atLeast(1))),
        ] + python + [
            ratio(
                "batch publish, CPU against BunnySwift 0.13", .cpu, publish, c, scale: Self.bunnyPublish,
                (.atMost(1), .atMost(0.5))),
            ratio(
                "consume, CPU against BunnySwift 0.13", .cpu, consume, d, scale: Self.bunnyConsume,
                (.atMost(0.3), .atMost(0.15))),
        ]
    }

    /// Against both brokers: beside RabbitMQ the broker is the limit of a fast client, not the client.
    private var python: [Judgement] {
        BrokerKind.allCases.flatMap { broker in
            [Client.pika, .aioPika].flatMap { client in
                Case.ofAMQP.filter(client.has).map { `case` in
                    ratio(
                        "\(`case`.rawValue), throughput against \(client.rawValue) (\(broker.rawValue))", .rate,
                        row(.harebell, `case`, broker: broker), row(client, `case`, broker: broker),
                        (.atLeast(2), .atLeast(5)))
                }
            }
        }
    }
}
