import ArgumentParser
import HarebellOperations

/// How fast a replay goes, and what is sent ahead of it.
struct ReplayOptions: ParsableArguments {
    @Option(help: ArgumentHelp("Dead letters per second at most.", valueName: "n"))
    var rate: Double = 50
    @Option(
        help: ArgumentHelp(
            "Send so many ahead, and the others only if none of these fails again; 0 for none. 1 unless given, when there are more than 10.",
            valueName: "n"))
    var canary: Int?
    @Option(
        help: ArgumentHelp("How long the canary may take to be handled; then the others stay.", valueName: "seconds"))
    var canaryTimeout: Double = 60

    func validate() throws {
        guard rate > 0, rate <= 1_000_000 else { throw ValidationError("--rate is above 0 and at most 1000000.") }
        if let canary, !(0...1_000).contains(canary) {
            throw ValidationError("--canary is between 0 and 1000.")
        }
        guard canaryTimeout > 0, canaryTimeout <= 3_600 else {
            throw ValidationError("--canary-timeout is above 0 and at most 3600 seconds.")
        }
    }

    /// The canary of so many, if there is to be one.
    func canary(of count: Int) -> DeadLetterQueue.Canary? {
        let size = canary ?? (count > 10 ? 1 : 0)
        guard size > 0, count > 0 else { return nil }
        return DeadLetterQueue.Canary(count: min(size, count), timeout: .seconds(canaryTimeout))
    }
}
