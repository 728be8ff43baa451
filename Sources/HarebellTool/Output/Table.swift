/// A table in the style of kubectl: upper-case headers, two spaces between columns, no boxes.
///
/// Cells are hostile text until ``SafeText`` has seen them; the table escapes all of them itself.
struct Table {
    /// A column.
    struct Column {
        let title: String
        let isNumeric: Bool

        /// A column of text, aligned to the left.
        static func text(_ title: String) -> Column { Column(title: title, isNumeric: false) }
        /// A column of numbers, aligned to the right.
        static func number(_ title: String) -> Column { Column(title: title, isNumeric: true) }
    }

    let columns: [Column]
    var rows: [[String]] = []

    init(_ columns: [Column]) {
        self.columns = columns
    }

    /// Adds a row; a missing value is shown as `-`, never as 0.
    mutating func add(_ cells: [String?]) {
        precondition(cells.count == columns.count, "one cell per column")
        rows.append(cells.map { $0.map { SafeText.line($0) } ?? "-" })
    }

    /// The lines of the table, without trailing spaces.
    ///
    /// - Parameters:
    ///   - showsHeader: Whether the titles come first.
    ///   - width: The columns of the terminal; the last column is cut to fit. Nil cuts nothing.
    func lines(showsHeader: Bool = true, width: Int? = nil) -> [String] {
        let all = (showsHeader ? [columns.map(\.title)] : []) + rows
        let widths = columns.indices.map { column in all.map { $0[column].count }.max() ?? 0 }
        return all.map { row in
            var line = ""
            for (index, cell) in row.enumerated() {
                let padding = String(repeating: " ", count: widths[index] - cell.count)
                if index > 0 { line += "  " }
                line += columns[index].isNumeric ? padding + cell : cell + padding
            }
            while line.last == " " { line.removeLast() }
            if let width, line.count > width, width > 1 { line = line.prefix(width - 1) + "…" }
            return line
        }
    }
}
