/// Rows as tables for people, one for each scenario, with the ratio to what they are compared with.
struct Table {
    /// What the ratios are to.
    enum Baseline {
        /// The C loop of the same direction.
        case c
        /// Our deliveries without a framework.
        case raw

        func matches(_ row: Row, of case: Case) -> Bool {
            switch self {
            case .c: row.contender.client == .c && row.contender.case == `case`.batched
            case .raw: row.contender.client == .harebell && row.contender.case == .consumeTasks
            }
        }
    }

    private let rows: [Row]
    private let baseline: Baseline

    init(_ rows: [Row], baseline: Baseline = .c) {
        self.rows = rows
        self.baseline = baseline
    }

    private var heading: [String] {
        let ratio = baseline == .c ? "× C" : "× RAW"
        return [
            "CASE", "CLIENT", "MESSAGES/S", "SLOWEST", "FASTEST", ratio, "CPU µs/MESSAGE", ratio, "CALLS/MESSAGE",
            "PEAK RSS MB",
        ]
    }

    var text: String {
        var scenarios: [Scenario] = []
        for row in rows where !scenarios.contains(row.contender.scenario) { scenarios.append(row.contender.scenario) }
        return scenarios.map { scenario in
            let rows = rows.filter { $0.contender.scenario == scenario }
            return scenario.title + "\n" + aligned([heading] + rows.map { line($0, beside: rows) }, leading: 2)
        }.joined(separator: "\n\n")
    }

    private func line(_ row: Row, beside rows: [Row]) -> [String] {
        let contender = row.contender
        let baseline = rows.first { self.baseline.matches($0, of: contender.case) }
        func ratio(_ value: (Row) -> Double?) -> String {
            guard let mine = value(row), let other = baseline.flatMap(value), other > 0 else { return "-" }
            return formatted(mine / other, digits: 2)
        }
        return [
            contender.case.rawValue, contender.client.rawValue, formatted(row.messagesPerSecond, digits: 0),
            formatted(row.rates.min(), digits: 0), formatted(row.rates.max(), digits: 0),
            ratio { $0.messagesPerSecond }, formatted(row.cpuMicrosecondsPerMessage, digits: 2),
            ratio { $0.cpuMicrosecondsPerMessage }, formatted(row.syscallsPerMessage, digits: 3),
            formatted(row.peakRSSBytes.map { Double($0) / 1e6 }, digits: 1),
        ]
    }
}
