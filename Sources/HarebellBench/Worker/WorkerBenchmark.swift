import ArgumentParser
import Foundation

/// `harebell-bench worker`: what the framework costs above its deliveries, and beside frameworks in Python.
struct WorkerBenchmark: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "worker", abstract: "Handle events, beside the deliveries alone and other frameworks.",
        discussion: """
            A handler gets a decoded event and returns. Every contender empties the same work queue, made as a service's \
            topology makes it, in a process of its own; the frameworks are FastStream, Celery and Dramatiq.
            """)

    @Option(help: "The broker to use; without it a private one is started and removed afterwards.")
    var url: String?

    @Option(help: "How many runs of each; the median counts.")
    var runs = 5

    @Option(help: "How many messages one run moves.")
    var messages = 6000

    @Option(help: "How many bytes an event has.")
    var bytes = 256

    @Option(help: "How many deliveries may be unsettled.")
    var window = 200

    @Option(help: "Which frameworks: harebell, faststream, celery, dramatiq.")
    var clients: Several<Client> = .init(Client.ofWorker)

    @Flag(help: "Print rows as JSON.")
    var json = false

    @Flag(help: "Exit with 1 if a must of the judged table is missed.")
    var check = false

    @Option(help: "The Python that has the frameworks; without it .build/python, which Ops/setup makes.")
    var python: String?

    func validate() throws {
        guard messages > 1, runs > 0, bytes > 0, 1...65_535 ~= window else {
            throw ValidationError("Messages, runs and bytes must be positive, the window 1 to 65535.")
        }
        guard !clients.values.isEmpty, Set(clients.values).isSubset(of: Client.ofWorker) else {
            throw ValidationError("Clients without handlers are measured by harebell-bench amqp.")
        }
    }

    /// What is compared, in the order in which a round runs it.
    var contenders: [Contender] {
        Plan.worker(clients: clients.values, messages: messages, bytes: bytes, window: window)
    }

    func run() async throws {
        let rows = try await Comparison(url: url, python: python, runs: runs).rows(contenders)
        let isWhole = clients.values.count == Client.ofWorker.count
        try Report(rows: rows, judgements: WorkerJudgements(rows).all, isWhole: isWhole, baseline: .raw)
            .print(json: json, checks: check)
    }
}
