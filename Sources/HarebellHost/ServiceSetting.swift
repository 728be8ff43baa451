/// A setting of one service, as `--help` explains it.
public struct ServiceSetting: Sendable {
    /// The dotted name: `smtp.url`.
    public let name: String
    /// What it is for, in a few words.
    public let help: String
    /// What applies when it is set nowhere; nil when nothing does.
    public let fallback: String?

    /// Creates the explanation of a setting.
    public init(_ name: String, _ help: String, default fallback: String? = nil) {
        self.name = name
        self.help = help
        self.fallback = fallback
    }
}
