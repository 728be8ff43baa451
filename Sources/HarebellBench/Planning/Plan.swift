/// Which contenders run, and how many messages each moves.
struct Plan: Sendable {
    /// What the user asked for; `nil` for what the judged table needs.
    struct Selection: Sendable {
        var clients = Client.ofAMQP
        var cases = Case.ofAMQP
        var brokers = BrokerKind.allCases
        /// Exactly so many, except where bodies are large.
        var messages: Int?
    }

    /// In the order in which a round runs them.
    private(set) var contenders: [Contender] = []
    private let selection: Selection

    /// The lines of the judged table, or the product of `scenarios` and the selection.
    init(_ selection: Selection, scenarios: [Scenario]? = nil) {
        self.selection = selection
        if let scenarios {
            for scenario in scenarios { add(scenario) }
        } else {
            add(Scenario())
            add(
                Scenario(tls: true), clients: [.c, .harebell],
                cases: [.publishBatch, .consumeBatch, .consumeTasks])
            add(
                Scenario(bytes: 2_000_000), clients: [.c, .harebell],
                cases: [.publishBatch, .consumeBatch])
            add(Scenario(broker: .null))
        }
    }

    /// The judged line, and every other value of one dimension after the other.
    static var matrix: [Scenario] {
        var scenarios = [Scenario()]
        scenarios += [100, 1024, 100_000, 2_000_000].map { Scenario(bytes: $0) }
        scenarios += [1, 64].map { Scenario(window: $0) }
        scenarios += [10, 100].map { Scenario(consumers: $0) }
        scenarios += [Scenario(queue: .quorum), Scenario(tls: true)]
        let null = scenarios.map { scenario in
            var scenario = scenario
            scenario.broker = .null
            return scenario
        }
        return scenarios + null
    }

    private mutating func add(
        _ scenario: Scenario, clients: [Client] = Client.ofAMQP, cases: [Case] = Case.ofAMQP
    ) {
        guard scenario.isPossible, selection.brokers.contains(scenario.broker) else { return }
        for `case` in cases where selection.cases.contains(`case`) {
            // More consumers make no difference to a publisher.
            guard `case`.consumes || scenario.consumers == 1 else { continue }
            for client in clients where selection.clients.contains(client) && client.has(`case`) {
                contenders.append(
                    Contender(
                        scenario: scenario, case: `case`, client: client,
                        messages: Self.messages(client, `case`, scenario, asked: selection.messages)))
            }
        }
    }

    /// How many messages make a run of about a second.
    ///
    /// What a process does once, and what else the machine does for a moment, must not decide. Python's clients, which
    /// are far off, need not be known that well.
    private static func messages(_ client: Client, _ case: Case, _ scenario: Scenario, asked: Int?) -> Int {
        let limit = max(20, (1 << 30) / max(1, scenario.bytes))
        if let asked { return min(asked, limit) }
        let wanted = Int(guessedRate(client, `case`, scenario) * (client.isNative ? 1.5 : 0.7))
        return min(limit, max(200, wanted / 100 * 100))
    }

    /// Messages per second to expect, roughly: it only decides how long a run takes.
    private static func guessedRate(_ client: Client, _ case: Case, _ scenario: Scenario) -> Double {
        var rate: Double =
            switch (client, scenario.broker) {
            case (.c, .rabbitmq), (.harebell, .rabbitmq): 26_000
            case (.c, .null): `case`.consumes ? 600_000 : 100_000
            case (.harebell, .null): 250_000
            case (.pika, .null): 30_000
            case (.pika, .rabbitmq): 15_000
            case (.aioPika, _): 3500
            case (.faststream, _), (.celery, _), (.dramatiq, _): 1500
            }
        if scenario.window < 10 { rate = min(rate / 4, 4000) }
        if scenario.queue == .quorum { rate /= 3 }
        return rate
    }

    /// About how long it takes, in seconds, on a machine that does nothing else.
    func estimate(runs: Int) -> Double {
        let round = contenders.map { contender in
            let scenario = contender.scenario
            let moving = Double(contender.messages) / Self.guessedRate(contender.client, contender.case, scenario)
            let fillingRate: Double = scenario.broker == .null ? 300_000 : 40_000
            let filling = contender.case.consumes ? Double(contender.messages) / fillingRate : 0
            let copying = Double(contender.messages * scenario.bytes) / 3e8
            return 0.15 + moving + filling + copying
        }
        return round.reduce(0, +) * Double(runs + 1)
    }
}
