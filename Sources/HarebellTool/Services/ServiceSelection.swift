import ArgumentParser

/// Which of the services that were found are meant.
struct ServiceSelection: Sendable {
    /// The services' names; empty for all.
    let names: [String]

    /// The rows that are meant, in the order of the list: every replica of a service.
    ///
    /// - Throws: ``ToolError`` with exit code 6 for a name that nobody has, 5 for a service that cannot be reached.
    func rows(of all: [ServiceRow]) throws -> [ServiceRow] {
        guard !names.isEmpty else {
            let rows = all.filter { $0.state != "no worker" }
            guard !rows.isEmpty else {
                throw ToolError("No worker was found: there is nothing to control.", exitCode: ExitStatus.notFound)
            }
            return rows
        }
        for name in names {
            let rows = all.filter { $0.name == name }
            guard let first = rows.first else { throw Self.unknown(name, among: all) }
            guard !rows.contains(where: \.isControllable) else { continue }
            throw ToolError(
                "The service '\(SafeText.line(name, limit: 60))' cannot be told anything: "
                    + SafeText.line(first.problem ?? first.state) + ".",
                advice: "'harebell services list -o wide' shows what answers.",
                exitCode: first.state == "no worker" ? ExitStatus.failed : ExitStatus.unreachable)
        }
        return all.filter { row in row.name.map(names.contains) ?? false }
    }

    private static func unknown(_ name: String, among all: [ServiceRow]) -> ToolError {
        let known = Set(all.compactMap(\.name)).sorted()
        let silent = all.filter { $0.name == nil && !$0.isReachable }.compactMap(\.address)
        var what = "There is no service '\(SafeText.line(name, limit: 60))' here."
        if let close = Suggestion.closest(to: name, in: known) { what += " Did you mean '\(SafeText.line(close))'?" }
        var advice: [String] = []
        if !known.isEmpty { advice.append("Found: \(known.map { SafeText.line($0) }.joined(separator: ", ")).") }
        if !silent.isEmpty {
            advice.append("No answer from \(silent.map { SafeText.line($0) }.joined(separator: ", ")): is it running?")
        }
        return ToolError(
            what, advice: advice.isEmpty ? nil : advice.joined(separator: " "),
            exitCode: known.isEmpty && !silent.isEmpty ? ExitStatus.unreachable : ExitStatus.notFound)
    }
}

/// What somebody may have meant.
enum Suggestion {
    /// The nearest of some words, when it is near enough to be a slip of the finger.
    static func closest(to word: String, in words: [String]) -> String? {
        let near = words.map { (word: $0, distance: distance(word, $0)) }.min { $0.distance < $1.distance }
        guard let near, near.distance <= max(1, word.count / 3) else { return nil }
        return near.word
    }

    /// How many characters must be put in, left out, replaced or swapped with their neighbour.
    static func distance(_ left: String, _ right: String) -> Int {
        let (left, right) = (Array(left.prefix(100)), Array(right.prefix(100)))
        var rows = [Array(0...right.count)]
        for i in 0..<left.count {
            var row = [i + 1]
            for j in 0..<right.count {
                var best = min(rows[i][j + 1] + 1, row[j] + 1, rows[i][j] + (left[i] == right[j] ? 0 : 1))
                if i > 0, j > 0, left[i] == right[j - 1], left[i - 1] == right[j] {
                    best = min(best, rows[i - 1][j - 1] + 1)
                }
                row.append(best)
            }
            rows.append(row)
        }
        return rows[left.count][right.count]
    }
}
