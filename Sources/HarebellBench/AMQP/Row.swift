/// What one kind of queue costs a broker differs much.
enum QueueKind: String, Codable, CaseIterable, Sendable {
    case classic
    case quorum
}

/// How long one run took.
struct Sample: Sendable {
    var seconds: Double
    var cpuSeconds: Double
}

/// One case and client: the medians of its runs.
struct Row: Encodable {
    var `case`: String
    var client: String
    var queue: QueueKind
    var bytes: Int
    var window: Int
    var tls: Bool
    var messages: Int
    var samples: [Sample] = []

    var messagesPerSecond: Double { Double(messages) / median(samples.map(\.seconds)) }
    var cpuMicrosecondsPerMessage: Double { median(samples.map(\.cpuSeconds)) / Double(messages) * 1e6 }
    /// The slowest and the fastest run, in messages per second.
    var spread: (Double, Double) {
        let rates = samples.map { Double(messages) / $0.seconds }
        return (rates.min() ?? 0, rates.max() ?? 0)
    }

    private enum Key: String, CodingKey {
        case `case`, client, queue, bytes, window, tls, messagesPerSecond, cpuMicrosecondsPerMessage
        case slowestMessagesPerSecond, fastestMessagesPerSecond, runs
    }

    func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: Key.self)
        try container.encode(self.case, forKey: .case)
        try container.encode(client, forKey: .client)
        try container.encode(queue, forKey: .queue)
        try container.encode(bytes, forKey: .bytes)
        try container.encode(window, forKey: .window)
        try container.encode(tls, forKey: .tls)
        try container.encode(messagesPerSecond.rounded(), forKey: .messagesPerSecond)
        try container.encode((cpuMicrosecondsPerMessage * 100).rounded() / 100, forKey: .cpuMicrosecondsPerMessage)
        try container.encode(spread.0.rounded(), forKey: .slowestMessagesPerSecond)
        try container.encode(spread.1.rounded(), forKey: .fastestMessagesPerSecond)
        try container.encode(samples.count, forKey: .runs)
    }
}

/// The middle value, or the mean of the two in the middle.
func median(_ values: [Double]) -> Double {
    guard !values.isEmpty else { return 0 }
    let sorted = values.sorted()
    let middle = sorted.count / 2
    return sorted.count % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2
}
