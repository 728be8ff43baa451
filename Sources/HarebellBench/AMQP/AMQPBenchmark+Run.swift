import ArgumentParser
import Foundation
import HarebellDevelopment
import Logging
import Synchronization

extension AMQPBenchmark {
    func run() async throws {
        #if DEBUG
            printToStandardError("harebell-bench: a debug build; its numbers say nothing. Build with -c release.")
        #endif
        let plan = Plan(
            .init(clients: clients.values, cases: cases.values, brokers: brokers.values, messages: messages),
            scenarios: scenarios)
        guard !plan.contenders.isEmpty else { throw ValidationError("Nothing is left to measure.") }
        let estimate = plan.estimate(runs: runs) + 20
        printToStandardError(
            "\(plan.contenders.count) contenders, \(runs) runs each and one that counts system calls: "
                + "about \(formatted((estimate / 60).rounded(.up), digits: 0)) min")
        let rows = try await measure(plan)
        let judgements = Judgements(rows).all
        if json {
            let encoder = JSONEncoder()
            encoder.outputFormatting = [.prettyPrinted, .sortedKeys]
            print(String(decoding: try encoder.encode(rows), as: UTF8.self))
        } else {
            print(Table(rows).text)
            let known = judgements.filter { $0.verdict != .unknown || isWhole }
            if !known.isEmpty { print("\n" + Judgement.table(known)) }
        }
        if rows.contains(where: { $0.failure != nil && $0.contender.client == .harebell }) { throw ExitCode(1) }
        if check, judgements.contains(where: { $0.verdict == .missed }) { throw ExitCode(1) }
    }

    /// Whether everything is measured that is judged.
    private var isWhole: Bool {
        scenarios == nil && clients.values.count == Client.allCases.count && cases.values.count == Case.allCases.count
            && brokers.values.count == BrokerKind.allCases.count
    }

    private static let logger = Logger(label: "harebell-bench") { label in
        var handler = StreamLogHandler.standardError(label: label)
        handler.logLevel = .warning
        return handler
    }

    private func measure(_ plan: Plan) async throws -> [Row] {
        let directory = try TemporaryDirectory.make(prefix: "harebell-bench")
        defer { TemporaryDirectory.remove(directory) }
        let python = try await PythonClients(interpreter: python, directory: directory)
        let kinds = Set(plan.contenders.map(\.scenario.broker))
        let brokers = try await Brokers.start(kinds, url: url, directory: directory, logger: Self.logger)
        let began = ContinuousClock.now
        let shown = Mutex(0)
        let measurement = Measurement(brokers: brokers, python: python, runs: runs) { done, total in
            // One line for every tenth.
            let tenth = done * 10 / total
            let isNew = shown.withLock { shown in
                defer { shown = tenth }
                return tenth > shown
            }
            guard isNew else { return }
            let seconds = (ContinuousClock.now - began) / .seconds(1)
            printToStandardError("\(done) of \(total) runs after \(formatted(seconds, digits: 0)) s")
        }
        let rows = await measurement.rows(plan.contenders)
        await brokers.stop()
        return rows
    }
}
