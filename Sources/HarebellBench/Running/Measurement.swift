import Foundation

/// Runs contenders in turn, each in a process of its own.
struct Measurement: Sendable {
    let brokers: Brokers
    let python: PythonClients
    let runs: Int
    /// Told after every run: how many are done, and of how many.
    let progress: @Sendable (Int, Int) -> Void

    /// One round that warms up and counts system calls, then as many rounds as told.
    ///
    /// Counting system calls makes each of them slower, which would harm most whoever makes most of them: a run that
    /// counts them is not timed. Who is judged by them is counted in every round. A contender that fails is left out of
    /// later rounds, and its row says why.
    func rows(_ contenders: [Contender]) async -> [Row] {
        var rows = contenders.map { Row($0) }
        for index in rows.indices where !canRun(rows[index].contender) {
            rows[index].failure = "not installed"
        }
        let total = contenders.count * (runs + 1)
        for round in 0...runs {
            // Every other round the other way round: a broker that clears away what one run left does so during the next.
            let order = round.isMultiple(of: 2) ? Array(rows.indices) : rows.indices.reversed()
            for (place, index) in order.enumerated() {
                if rows[index].failure == nil {
                    await run(&rows[index], isTimed: round > 0)
                }
                progress(round * contenders.count + place + 1, total)
            }
        }
        return rows
    }

    private func run(_ row: inout Row, isTimed: Bool) async {
        do {
            if isTimed { row.samples.append(try await once(row.contender, counts: false)) }
            if !isTimed || row.contender.isJudgedByCalls {
                row.calls += [try await once(row.contender, counts: true).calls].compactMap { $0 }
            }
        } catch {
            row.failure = "\(error)"
            printToStandardError("\(row.contender.case.rawValue) \(row.contender.client.rawValue): \(error)")
        }
    }

    private func canRun(_ contender: Contender) -> Bool {
        contender.client.isNative || python.available.contains(contender.client)
    }

    private func once(_ contender: Contender, counts: Bool) async throws -> Outcome {
        guard let broker = brokers.all[contender.scenario.broker] else { throw RunError("its broker does not run") }
        let job = try await broker.prepare(contender, messages: contender.messages)
        do {
            var arguments = ["contender"]
            if counts { arguments.append("--count-system-calls") }
            if let command = python.command(contender.client) { arguments += ["--"] + command }
            let output = try await ChildRun.output(ChildRun.ownPath, arguments, input: JSONEncoder().encode(job))
            let outcome = try JSONDecoder().decode(Outcome.self, from: output)
            try await broker.check(job)
            return outcome
        } catch {
            await broker.discard(job)
            throw error
        }
    }
}
