/// Everything that is wrong with the settings, found in one pass.
public struct SettingsProblems: Error, Sendable, Hashable, CustomStringConvertible {
    /// One sentence per problem, each with what to do about it.
    ///
    /// Secrets are never in them.
    public let problems: [String]

    /// Creates a report.
    public init(_ problems: [String]) {
        self.problems = problems
    }

    /// The report, one problem per line.
    public var description: String {
        let count = problems.count == 1 ? "1 problem" : "\(problems.count) problems"
        return "\(count) with the configuration\n" + problems.map { "  \($0)" }.joined(separator: "\n")
    }
}
