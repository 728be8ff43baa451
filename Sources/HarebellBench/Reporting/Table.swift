/// Rows as tables for people, one for each scenario, with the ratio to the C loop of the same direction.
struct Table {
    private let rows: [Row]

    init(_ rows: [Row]) {
        self.rows = rows
    }

    private static let heading = [
        "CASE", "CLIENT", "MESSAGES/S", "SLOWEST", "FASTEST", "× C", "CPU µs/MESSAGE", "× C", "CALLS/MESSAGE",
        "PEAK RSS MB",
    ]

    var text: String {
        var scenarios: [Scenario] = []
        for row in rows where !scenarios.contains(row.contender.scenario) { scenarios.append(row.contender.scenario) }
        return scenarios.map { scenario in
            let rows = rows.filter { $0.contender.scenario == scenario }
            return scenario.title + "\n" + aligned([Self.heading] + rows.map { line($0, beside: rows) }, leading: 2)
        }.joined(separator: "\n\n")
    }

    private func line(_ row: Row, beside rows: [Row]) -> [String] {
        let contender = row.contender
        let baseline = rows.first { $0.contender.client == .c && $0.contender.case == contender.case.batched }
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
