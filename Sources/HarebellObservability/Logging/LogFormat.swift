/// How log lines are written.
public enum LogFormat: String, CaseIterable, Sendable {
    /// One JSON object per line, for machines.
    case json
    /// Time, level, logger, message and `key=value` pairs, for people.
    case pretty
}
