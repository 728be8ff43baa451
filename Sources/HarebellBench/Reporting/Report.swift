import ArgumentParser
import Foundation

/// What a benchmark prints and how it ends.
struct Report {
    let rows: [Row]
    let judgements: [Judgement]
    /// Whether everything is measured that is judged; otherwise only what can be judged is shown.
    let isWhole: Bool
    var baseline = Table.Baseline.c

    /// Prints tables, or rows as JSON.
    /// - Throws: `ExitCode` when a row of ours failed, or, if that is checked, when a must is missed.
    func print(json: Bool, checks: Bool) throws {
        if json {
            let encoder = JSONEncoder()
            encoder.outputFormatting = [.prettyPrinted, .sortedKeys]
            Swift.print(String(decoding: try encoder.encode(rows), as: UTF8.self))
        } else {
            Swift.print(Table(rows, baseline: baseline).text)
            let known = judgements.filter { $0.verdict != .unknown || isWhole }
            if !known.isEmpty { Swift.print("\n" + Judgement.table(known)) }
        }
        if rows.contains(where: { $0.failure != nil && $0.contender.client == .harebell }) { throw ExitCode(1) }
        if checks, judgements.contains(where: { $0.verdict == .missed }) { throw ExitCode(1) }
    }
}
