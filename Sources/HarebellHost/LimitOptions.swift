public import ArgumentParser

/// The command line options that bound what a service does at a time, and say when it stops for an outage.
public struct LimitOptions: ParsableArguments, Sendable {
    @Option(
        help: ArgumentHelp(
            "How many of those in hand are worked on at once. [HAREBELL_CONCURRENCY] (default: the prefetch)",
            valueName: "number"))
    var concurrency: String?
    @Option(
        help: ArgumentHelp(
            "How many calls of handlers per second, such as 10 or 0.5. [HAREBELL_RATE_LIMIT] (default: no limit)",
            valueName: "number"))
    var rateLimit: String?
    @Option(
        help: ArgumentHelp(
            "The largest body in bytes; a larger one is poison. [HAREBELL_MAXIMUM_BODY_SIZE] (default: no limit)",
            valueName: "bytes"))
    var maximumBodySize: String?
    @Option(
        help: ArgumentHelp(
            "The oldest event that is still handled; an older one expires. [HAREBELL_MAXIMUM_AGE] (default: no limit)",
            valueName: "duration"))
    var maximumAge: String?
    @Option(
        help: ArgumentHelp(
            """
            After how many failures in a row a service that depends on something stops and probes; 0 for never. \
            [HAREBELL_BREAKER_FAILURES] (default: 10)
            """,
            valueName: "number"))
    var breakerFailures: String?
    @Option(
        help: ArgumentHelp(
            "The longest time between two probes. [HAREBELL_BREAKER_LONGEST_WAIT] (default: 60s)",
            valueName: "duration"))
    var breakerLongestWait: String?

    /// Creates options as if nothing was given on the command line.
    public init() {}

    /// Setting names with what was given for them.
    var flags: [String: String?] {
        [
            "concurrency": concurrency, "rateLimit": rateLimit, "maximumBodySize": maximumBodySize,
            "maximumAge": maximumAge, "breaker.failures": breakerFailures, "breaker.longestWait": breakerLongestWait,
        ]
    }
}
