public import ArgumentParser

/// The command line options that every service has.
///
/// Everything is read as text: a wrong value is then reported together with what is wrong in the environment and in the
/// file, instead of stopping at the first.
public struct HostOptions: ParsableArguments, Sendable {
    @OptionGroup var broker: BrokerOptions
    @Flag(
        inversion: .prefixedNo,
        help: "Declare queues and exchanges, or leave that to a provisioner. [HAREBELL_DECLARE] (default: true)")
    var declare: Bool?
    @Flag(help: "Exit with 4 or 5 when the broker refuses or is not there at start. [HAREBELL_FAIL_FAST]")
    var failFast = false
    @Option(
        help: ArgumentHelp(
            "How many messages are in hand at once, 1 to 65535. [HAREBELL_PREFETCH] (default: 20)",
            valueName: "number"))
    var prefetch: String?
    @OptionGroup var limits: LimitOptions
    @Option(
        help: ArgumentHelp(
            "How long handlers may finish after a stop signal. [HAREBELL_GRACE_PERIOD] (default: 30s)",
            valueName: "duration"))
    var gracePeriod: String?
    @Option(
        help: ArgumentHelp(
            "How long one call of a handler may take. [HAREBELL_HANDLER_TIMEOUT] (default: 60s)",
            valueName: "duration"))
    var handlerTimeout: String?
    @Option(
        help: ArgumentHelp(
            """
            Delays before the retries that follow the immediate ones. [HAREBELL_RETRY_DELAYS] \
            (default: 1s,5s,30s,2m,10m,1h)
            """,
            valueName: "durations"))
    var retryDelays: String?
    @Option(
        help: ArgumentHelp(
            """
            The delays that have a queue; the same for everything that declares this service. [HAREBELL_RETRY_RUNGS] \
            (default: 1s,5s,30s,2m,10m,1h)
            """,
            valueName: "durations"))
    var retryRungs: String?
    @Option(
        help: ArgumentHelp(
            "trace, debug, info, notice, warning, error or critical. [HAREBELL_LOG_LEVEL] (default: info)",
            valueName: "level"))
    var logLevel: String?
    @Option(
        help: ArgumentHelp(
            "json or pretty. [HAREBELL_LOG_FORMAT] (default: pretty on a terminal, else json)",
            valueName: "format"))
    var logFormat: String?
    @Option(
        help: ArgumentHelp(
            """
            Serve /metrics, /livez, /readyz, /startupz and /control on this port; 0 for a free one. \
            [HAREBELL_STATUS_PORT] (default: none)
            """,
            valueName: "port"))
    var statusPort: String?
    @Option(
        help: ArgumentHelp(
            "The address that the status port listens on. [HAREBELL_STATUS_HOST] (default: 127.0.0.1)",
            valueName: "address"))
    var statusHost: String?

    /// Creates options as if nothing was given on the command line.
    public init() {}

    /// Setting names with what was given for them.
    var flags: [String: String?] {
        let own = [
            "declare": declare.map(String.init), "failFast": failFast ? "true" : nil, "prefetch": prefetch,
            "gracePeriod": gracePeriod, "handlerTimeout": handlerTimeout, "retry.delays": retryDelays,
            "retry.rungs": retryRungs, "log.level": logLevel, "log.format": logFormat, "status.port": statusPort,
            "status.host": statusHost,
        ]
        return own.merging(limits.flags) { own, _ in own }.merging(broker.flags) { own, _ in own }
    }
}
