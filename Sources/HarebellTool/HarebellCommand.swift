import ArgumentParser
import HarebellHost

#if canImport(Darwin)
    import Darwin
#elseif canImport(Musl)
    import Musl
#else
    import Glibc
#endif

/// The `harebell` command: everything an operator or developer does.
@main
struct HarebellCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "harebell",
        abstract: "Run, publish to, watch and repair event-driven services on RabbitMQ.",
        discussion: """
            Try it:
              harebell dev                       the whole system on this machine
              harebell queues list --watch       every queue, live
              harebell publish loan.canceled --data @event.json
              harebell dlq list                  what failed, oldest first
              harebell dlq replay --all --service partner
              harebell services pause email      and 'harebell services resume email'
              harebell doctor                    what on the broker would lose messages

            A running 'harebell dev' in this directory is found by itself. Elsewhere set
            HAREBELL_URL (and HAREBELL_MANAGEMENT for rates, arguments and bindings).

            Exit codes: 0 done, 1 failed, 2 cancelled, 3 partly done, 4 refused,
            5 broker unreachable, 6 no such thing, 7 differences found, 64 usage,
            130 interrupted.
            """,
        version: HarebellVersion.current,
        subcommands: [
            DevCommand.self, PublishCommand.self, QueuesCommand.self, TopologyCommand.self, DeadLetterCommand.self,
            ServicesCommand.self, DoctorCommand.self,
        ])

    static func main() async {
        await Tool.run(Self.self)
    }
}

/// Runs a command and turns every error into words and an exit code.
enum Tool {
    static func run(_ command: (some AsyncParsableCommand).Type) async {
        do {
            var parsed = try command.parseAsRoot()
            if parsed is any StoppableCommand {
                // Parsed once more: what was parsed is not for another task.
                let result: Void? = try await Interruption.untilSignal(saying: "stopping") {
                    if var stoppable = try command.parseAsRoot() as? any AsyncParsableCommand {
                        try await stoppable.run()
                    }
                }
                if result == nil { throw ExitStatus.interrupted }
            } else if var asynchronous = parsed as? any AsyncParsableCommand {
                try await asynchronous.run()
            } else {
                try parsed.run()
            }
        } catch {
            exit(error, of: command)
        }
    }

    private static func exit(_ error: any Error, of command: (some AsyncParsableCommand).Type) -> Never {
        guard let failure = ToolFailure(error) else { command.exit(withError: error) }
        Terminal.note(failure.text)
        command.exit(withError: failure.exitCode)
    }
}

extension Tool {
    /// Ends the process without running anything more.
    static func exitNow(_ code: ExitCode) -> Never {
        _exit(code.rawValue)
    }
}
