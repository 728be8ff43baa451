import ArgumentParser
import CBaseline
import Foundation

/// One run of one client: reads its job from standard input, writes the outcome to standard output.
///
/// Hidden: `harebell-bench amqp` starts it. With a program after `--` it becomes that program, which takes the job.
struct ContenderCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "contender", abstract: "Moves messages as one client.", shouldDisplay: false)

    @Flag(help: "Count system calls, where the kernel lets us.")
    var countSystemCalls = false

    @Argument(help: "The program to become, and its arguments.")
    var program: [String] = []

    /// A program that we become finds the counter's descriptor in this variable.
    static let counterVariable = "HAREBELL_BENCH_CALL_COUNTER"

    func run() async throws {
        // Before any thread is started that is to be counted.
        let counter = countSystemCalls ? cbaseline_open_call_counter() : -1
        guard program.isEmpty else { return try become(program, counter) }
        let job = try JSONDecoder().decode(Job.self, from: FileHandle.standardInput.readToEnd() ?? Data())
        let outcome: Outcome
        switch job.client {
        case .c: outcome = try CContender(job: job, counter: counter).run()
        case .harebell where job.case.handles:
            outcome = try await WorkerContender(job: job, counter: counter).run()
        case .harebell: outcome = try await HarebellContender(job: job, counter: counter).run()
        case .pika, .aioPika, .faststream, .celery, .dramatiq:
            throw RunError("\(job.client.rawValue) is a program of its own")
        }
        FileHandle.standardOutput.write(try JSONEncoder().encode(outcome))
    }

    private func become(_ program: [String], _ counter: Int32) throws {
        if counter >= 0 { setenv(Self.counterVariable, "\(counter)", 1) }
        var arguments = program.map { strdup($0) } + [nil]
        execv(program[0], &arguments)
        throw RunError("cannot become \(program[0]): errno \(errno)")
    }
}
