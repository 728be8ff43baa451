import ArgumentParser

/// The exit codes of the services; those of the `harebell` tool mean the same.
enum ExitStatus {
    /// Anything that has no code of its own; the log says what.
    static let failed = ExitCode(1)
    /// The broker refused the credentials.
    static let refused = ExitCode(4)
    /// The broker was not there.
    static let unreachable = ExitCode(5)
    /// The command line or the configuration is wrong.
    static let usage = ExitCode(64)
    /// A second signal: the grace period was cut short.
    static let interrupted = ExitCode(130)
}
