public import HarebellRabbitMQ

/// The settings below `retry`.
public enum RetrySettings {
    /// How short and how long a delay may be.
    static let delays = Duration.milliseconds(50) ... .seconds(7 * 86_400)

    /// The delays that have a queue, from `retry.rungs`: whatever declares or verifies a service reads the same.
    public static func rungs(_ reader: inout SettingsReader) -> RetryRungs {
        let rungs = reader.durations("retry.rungs", default: RetryRungs.default.delays, in: delays)
        if rungs != rungs.sorted() || Set(rungs).count != rungs.count {
            reader.note("retry.rungs must rise: each delay once, the shortest first")
        }
        // What is left of a delay below the shortest is waited for in the worker's hands.
        if let shortest = rungs.first, shortest > .seconds(60) {
            reader.note("retry.rungs must begin with a minute or less: shorter delays have no queue to wait in")
        }
        return RetryRungs(rungs)
    }
}
