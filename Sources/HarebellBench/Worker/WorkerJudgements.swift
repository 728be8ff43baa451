/// What the contract says that a worker may cost, judged from the rows of one run.
struct WorkerJudgements {
    private let rows: [Row]

    init(_ rows: [Row]) {
        self.rows = rows
    }

    private func row(_ client: Client, _ case: Case) -> Row? {
        rows.first { $0.contender.client == client && $0.contender.case == `case` }
    }

    /// In the order of the contract.
    var all: [Judgement] {
        [overhead] + [Client.faststream, .celery, .dramatiq].map(throughput) + [memory]
    }

    /// What the framework costs above taking the delivery and decoding its event.
    private var overhead: Judgement {
        compared(
            "handle, CPU above consume-decoded", unit: " µs", row(.harebell, .handle), row(.harebell, .consumeDecoded),
            must: .atMost(10), aim: .atMost(5), -)
    }

    /// Messages by second of processor time, so that what the broker takes of the cores has no part in it.
    private func throughput(_ client: Client) -> Judgement {
        compared(
            "handle, throughput by core against \(client.rawValue)", unit: " ×", row(.harebell, .handle),
            row(client, .handle), must: .atLeast(5), aim: .atLeast(10)
        ) { $1 / $0 }
    }

    private var memory: Judgement {
        let values = row(.harebell, .handle)?.samples.compactMap { $0.peakRSSBytes.map { Double($0) / 1e6 } } ?? []
        return Judgement(
            title: "handle, peak RSS", unit: " MB", value: median(values), spread: Self.spread(values),
            must: .atMost(60), aim: .atMost(40))
    }

    /// What comes of the medians of both; its spread is that of the rounds.
    private func compared(
        _ title: String, unit: String, _ ours: Row?, _ theirs: Row?, must: Judgement.Limit, aim: Judgement.Limit,
        _ combine: (Double, Double) -> Double
    ) -> Judgement {
        let (mine, others) = (ours?.cpuMicroseconds ?? [], theirs?.cpuMicroseconds ?? [])
        var value: Double?
        if let mine = median(mine), let other = median(others) { value = combine(mine, other) }
        return Judgement(
            title: title, unit: unit, value: value, spread: Self.spread(zip(mine, others).map(combine)), must: must,
            aim: aim)
    }

    private static func spread(_ values: [Double]) -> ClosedRange<Double>? {
        guard let low = values.min(), let high = values.max() else { return nil }
        return low...high
    }
}
