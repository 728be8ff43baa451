import AMQP
import ArgumentParser

/// The exit codes of the tool.
enum ExitStatus {
    /// Failed.
    static let failed = ExitCode(1)
    /// Cancelled by the user, or a confirmation was declined.
    static let cancelled = ExitCode(2)
    /// Some succeeded and some failed; the details are in the output.
    static let partial = ExitCode(3)
    /// Authentication or a permission was refused.
    static let refused = ExitCode(4)
    /// The broker could not be reached, or did not answer in time.
    static let unreachable = ExitCode(5)
    /// The named thing does not exist.
    static let notFound = ExitCode(6)
    /// A comparison found differences.
    static let differences = ExitCode(7)
    /// The command line was wrong.
    static let usage = ExitCode(64)
    /// Interrupted.
    static let interrupted = ExitCode(130)

    /// The exit code of an error of the AMQP module.
    static func of(_ error: AMQPError) -> ExitCode {
        switch error.code {
        case .authenticationRefused: refused
        case .connectionFailed, .tlsFailed, .connectionClosed, .timedOut: unreachable
        case .cancelled: interrupted
        case .channelClosed where error.replyCode == 403: refused
        case .channelClosed where error.replyCode == 404: notFound
        default: failed
        }
    }
}

/// A failure with what happened, why, and what to do about it.
struct ToolError: Error, CustomStringConvertible {
    let what: String
    let advice: String?
    let exitCode: ExitCode

    init(_ what: String, advice: String? = nil, exitCode: ExitCode = ExitStatus.failed) {
        self.what = what
        self.advice = advice
        self.exitCode = exitCode
    }

    var description: String {
        (["✘ \(what)"] + (advice.map { ["  \($0)"] } ?? [])).joined(separator: "\n")
    }
}
