/// One contender: the medians of its runs.
///
/// What was not measured is `nil`, never 0.
struct Row: Sendable {
    let contender: Contender
    /// The timed runs, one for each round.
    var samples: [Outcome] = []
    /// System calls of the runs in which they were counted.
    var calls: [Int] = []
    /// Why it was not measured, or not to the end.
    var failure: String?

    init(_ contender: Contender) {
        self.contender = contender
    }

    private var messages: Double { Double(contender.messages) }
    /// Of each run.
    var rates: [Double] { samples.map { messages / $0.seconds } }
    /// Of each run.
    var cpuMicroseconds: [Double] { samples.map { $0.cpuSeconds / messages * 1e6 } }

    var messagesPerSecond: Double? { median(rates) }
    var cpuMicrosecondsPerMessage: Double? { median(cpuMicroseconds) }
    /// Of each counted run.
    var systemCalls: [Double] { calls.map { Double($0) / messages } }
    var syscallsPerMessage: Double? { median(systemCalls) }
    var peakRSSBytes: Int? { median(samples.compactMap { $0.peakRSSBytes.map(Double.init) }).map { Int($0) } }
}

extension Row: Encodable {
    private enum Key: String, CodingKey {
        case `case`, client, broker, queue, bytes, window, tls, consumers
        case messagesPerSecond, cpuMicrosecondsPerMessage, syscallsPerMessage, peakRSSBytes
        case slowestMessagesPerSecond, fastestMessagesPerSecond, messages, runs, failure
    }

    func encode(to encoder: any Encoder) throws {
        let scenario = contender.scenario
        var container = encoder.container(keyedBy: Key.self)
        try container.encode(contender.case, forKey: .case)
        try container.encode(contender.client, forKey: .client)
        try container.encode(scenario.broker, forKey: .broker)
        try container.encode(scenario.queue, forKey: .queue)
        try container.encode(scenario.bytes, forKey: .bytes)
        try container.encode(scenario.window, forKey: .window)
        try container.encode(scenario.tls, forKey: .tls)
        try container.encode(scenario.consumers, forKey: .consumers)
        // `encode`, not `encodeIfPresent`: a reader finds null where there is no number.
        try container.encode(messagesPerSecond?.rounded(), forKey: .messagesPerSecond)
        try container.encode(cpuMicrosecondsPerMessage.map { to($0, 1000) }, forKey: .cpuMicrosecondsPerMessage)
        try container.encode(syscallsPerMessage.map { to($0, 10_000) }, forKey: .syscallsPerMessage)
        try container.encode(peakRSSBytes, forKey: .peakRSSBytes)
        try container.encode(rates.min()?.rounded(), forKey: .slowestMessagesPerSecond)
        try container.encode(rates.max()?.rounded(), forKey: .fastestMessagesPerSecond)
        try container.encode(contender.messages, forKey: .messages)
        try container.encode(samples.count, forKey: .runs)
        try container.encodeIfPresent(failure, forKey: .failure)
    }

    private func to(_ value: Double, _ scale: Double) -> Double { (value * scale).rounded() / scale }
}
