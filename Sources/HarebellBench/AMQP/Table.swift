/// Rows as a table for people, with the ratio to the C loop of the same case family.
struct Table {
    private let lines: [[String]]

    init(_ rows: [Row]) {
        var lines = [["CASE", "CLIENT", "MESSAGES/S", "SLOWEST", "FASTEST", "× C", "CPU µs/MESSAGE", "× C"]]
        for row in rows {
            let family = row.case.prefix { $0 != "-" }
            let baseline = rows.first { $0.client == "c" && $0.case.hasPrefix(family) }
            func ratio(_ value: KeyPath<Row, Double>) -> String {
                guard let baseline, baseline[keyPath: value] > 0 else { return "-" }
                return Self.number(row[keyPath: value] / baseline[keyPath: value], digits: 2)
            }
            lines.append([
                row.case, row.client, Self.number(row.messagesPerSecond, digits: 0),
                Self.number(row.spread.0, digits: 0), Self.number(row.spread.1, digits: 0),
                ratio(\.messagesPerSecond), Self.number(row.cpuMicrosecondsPerMessage, digits: 2),
                ratio(\.cpuMicrosecondsPerMessage),
            ])
        }
        self.lines = lines
    }

    private static func number(_ value: Double, digits: Int) -> String {
        var scale = 1.0
        for _ in 0..<digits { scale *= 10 }
        let rounded = (value * scale).rounded() / scale
        guard digits > 0 else { return String(Int(rounded)) }
        let parts = String(rounded).split(separator: ".")
        let fraction = parts.count > 1 ? String(parts[1]) : ""
        return parts[0] + "." + fraction + String(repeating: "0", count: max(0, digits - fraction.count))
    }

    /// The table; names to the left, numbers to the right.
    var text: String {
        let widths = lines[0].indices.map { column in lines.map { $0[column].count }.max() ?? 0 }
        return lines.map { line in
            line.enumerated().map { column, cell in
                let padding = String(repeating: " ", count: widths[column] - cell.count)
                return column < 2 ? cell + padding : padding + cell
            }.joined(separator: "  ")
        }.joined(separator: "\n")
    }
}
