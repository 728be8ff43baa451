import AMQP
import ArgumentParser
import HarebellHost
import HarebellOperations
import HarebellRabbitMQ

/// An error as the tool ends with it: words on standard error, and an exit code.
struct ToolFailure {
    let text: String
    let exitCode: ExitCode

    /// Nil for errors of the command line itself, which ArgumentParser prints with the usage.
    init?(_ error: any Error) {
        switch error {
        case let error as ToolError:
            self.init(error.description, error.exitCode)
        case let error as AMQPError:
            self.init(
                ToolError("\(SafeText.line(error.description))", advice: Self.advice(error)).description,
                ExitStatus.of(error))
        case let error as OperationError:
            self.init(ToolError("\(error)", advice: Self.advice(error)).description, Self.code(error))
        case let error as StatusPortError:
            self.init(
                ToolError(SafeText.line(error.description, limit: 1_000)).description,
                error.code == .invalidAddress ? ExitStatus.usage : ExitStatus.unreachable)
        case let error as SettingsProblems:
            self.init(
                error.problems.map { "✘ \(SafeText.line($0, limit: 1_000))" }.joined(separator: "\n"), ExitStatus.usage)
        case let error as TopologyError:
            self.init(error.problems.map { "✘ \($0)" }.joined(separator: "\n"), ExitStatus.failed)
        case is CancellationError:
            self.init("interrupted", ExitStatus.interrupted)
        default:
            return nil
        }
    }

    private init(_ text: String, _ exitCode: ExitCode) {
        self.text = text
        self.exitCode = exitCode
    }

    private static func advice(_ error: AMQPError) -> String? {
        switch error.code {
        case .connectionFailed:
            "Start one with 'harebell dev', or set HAREBELL_URL to the broker you mean."
        case .authenticationRefused:
            "Check the user, the password and the virtual host of HAREBELL_URL."
        case .tlsFailed:
            "Pass the broker's certificate authority with --ca-file."
        case .channelClosed where error.replyCode == 403:
            "This user lacks the permission: 'harebell topology show' prints what each needs."
        case .channelClosed where error.replyCode == 404:
            "Create what is missing with 'harebell topology apply'."
        default: nil
        }
    }

    private static func advice(_ error: OperationError) -> String? {
        switch error {
        case .noSuchQueue, .noSuchExchange: "Create what is missing with 'harebell topology apply'."
        case .inUse: "Wait until the other reader is done."
        case .management, .managementRefused, .managementUnreachable, .bodyTooLarge, .noCanary: nil
        }
    }

    private static func code(_ error: OperationError) -> ExitCode {
        switch error {
        case .noSuchQueue, .noSuchExchange: ExitStatus.notFound
        case .inUse, .management, .bodyTooLarge, .noCanary: ExitStatus.failed
        case .managementRefused: ExitStatus.refused
        case .managementUnreachable: ExitStatus.unreachable
        }
    }
}
