import ArgumentParser

extension AMQPBenchmark {
    func run() async throws {
        let plan = Plan(
            .init(clients: clients.values, cases: cases.values, brokers: brokers.values, messages: messages),
            scenarios: scenarios)
        guard !plan.contenders.isEmpty else { throw ValidationError("Nothing is left to measure.") }
        let estimate = plan.estimate(runs: runs) + 20
        printToStandardError(
            "\(plan.contenders.count) contenders, \(runs) runs each and one that counts system calls: "
                + "about \(formatted((estimate / 60).rounded(.up), digits: 0)) min")
        let rows = try await Comparison(url: url, python: python, runs: runs).rows(plan.contenders)
        try Report(rows: rows, judgements: Judgements(rows).all, isWhole: isWhole).print(json: json, checks: check)
    }

    /// Whether everything is measured that is judged.
    private var isWhole: Bool {
        scenarios == nil && clients.values.count == Client.ofAMQP.count && cases.values.count == Case.ofAMQP.count
            && brokers.values.count == BrokerKind.allCases.count
    }
}
