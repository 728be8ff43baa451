import AMQP
import ArgumentParser
import Harebell
import HarebellOperations
import HarebellRabbitMQ

/// What a replay has done so far, over all queues: told letter by letter, and in the end or when it breaks off.
struct ReplayAccount {
    let isDryRun: Bool
    /// What was asked for by id and is not there, in words.
    var notFound: [String] = []
    /// What was asked for by id and has not been met so far.
    var wanted: Set<String> = []
    /// The queues that the operator wants left alone.
    var declined: [String] = []
    private(set) var replayed = 0
    private(set) var failed = 0
    private var unroutedAgain = 0
    /// The queues whose canary did not pass, so that the others were left alone.
    private var stopped = 0

    init(isDryRun: Bool) {
        self.isDryRun = isDryRun
    }

    /// Tells what became of one.
    mutating func note(_ letter: DeadLetter, _ outcome: DeadLetterQueue.ReplayOutcome, target: String) {
        if let id = letter.id { wanted.remove(id) }
        let id = SafeText.line(letter.id ?? "-")
        switch outcome {
        case .replayed:
            replayed += 1
            Terminal.out("\(id)  \(verb) to \(target)")
        case .failed(let error):
            failed += 1
            let reason = (error as? AMQPError)?.message ?? "\(error)"
            Terminal.note("✘ \(id): \(SafeText.line(reason))")
        }
    }

    /// Tells what became of a canary.
    ///
    /// - Returns: Whether the others may follow.
    mutating func note(
        _ outcome: DeadLetterQueue.CanaryOutcome, of service: ServiceName, _ canary: DeadLetterQueue.Canary
    ) -> Bool {
        let problem: String
        switch outcome {
        case .nothingSent: return true
        case .passed:
            Terminal.note("✔ canary: handled by \(service)")
            return true
        case .failedAgain(let report):
            let error = [report.errorType, report.errorMessage].compactMap(\.self).joined(separator: ": ")
            let what = report.outcome == .retried ? "failed again and is retried" : "failed again"
            problem = "\(SafeText.line(report.id ?? "-")) \(what)\(error.isEmpty ? "" : " (\(SafeText.line(error)))")"
        case .noReport:
            problem =
                "no worker of \(service) told within \(Units.seconds(canary.timeout)) what became of it: it may be busy, "
                + "hang, or be of a version without reports"
        case .noWorker:
            problem = "no worker of \(service) takes messages: start or resume it, or give --canary 0"
        case .notSent:
            problem = "it could not be sent"
        }
        Terminal.note("✘ canary: \(problem). The others were left alone.")
        stopped += 1
        return false
    }

    /// Adds what is known at the end of a queue.
    mutating func note(_ result: DeadLetterQueue.ReplayResult, of queue: String) {
        unroutedAgain += result.unroutedAgain
        if isDryRun || !result.failed.isEmpty || result.skipped > 0, result.looked < result.total {
            Terminal.note("\(queue): only the first \(result.looked) of \(result.total) were looked at")
        }
    }

    /// The last lines, and the exit code when not all went well.
    mutating func end() throws {
        if stopped == 0, failed == 0 {
            notFound += wanted.sorted().map { "\(SafeText.line($0)) was gone before it could be replayed" }
        }
        for line in notFound { Terminal.note("✘ \(line)") }
        for queue in declined { Terminal.note("\(queue) was left alone") }
        if unroutedAgain > 0 {
            Terminal.note(
                "✘ \(unroutedAgain) lie in 'unrouted' again: no service subscribes to them (see 'harebell topology verify')"
            )
        }
        let isWell = failed == 0 && notFound.isEmpty && unroutedAgain == 0 && stopped == 0
        if isWell, replayed == 0, !declined.isEmpty {
            throw ToolError("Nothing was done.", exitCode: ExitStatus.cancelled)
        }
        Terminal.note("\(isWell ? "✔ " : "")\(summary)")
        if failed > 0 || unroutedAgain > 0 || stopped > 0 || (!notFound.isEmpty && replayed > 0) {
            throw replayed > 0 ? ExitStatus.partial : ExitStatus.failed
        }
        if !notFound.isEmpty { throw ExitStatus.notFound }
    }

    /// What to end with when an error breaks off what had begun.
    func ended(by error: any Error) -> any Error {
        guard replayed + failed > 0, !isDryRun else { return error }
        Terminal.note("\(summary), before this:")
        guard replayed > 0, let failure = ToolFailure(error) else { return error }
        Terminal.note(failure.text)
        return ExitStatus.partial
    }

    private var verb: String { isDryRun ? "would be replayed" : "replayed" }
    private var summary: String { "\(replayed) \(verb), \(failed) failed" }
}
