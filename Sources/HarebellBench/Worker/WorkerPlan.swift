extension Plan {
    /// What `harebell-bench worker` compares: the deliveries alone, with decoding, and handlers.
    static func worker(clients: [Client], messages: Int, bytes: Int, window: Int) -> [Contender] {
        var scenario = Scenario.ofWorker
        scenario.bytes = bytes
        scenario.window = window
        return Client.ofWorker.filter(clients.contains).flatMap { client in
            Case.ofWorker.filter(client.has).map { `case` in
                Contender(scenario: scenario, case: `case`, client: client, messages: messages)
            }
        }
    }
}
