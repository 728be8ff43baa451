/// What a client's process is told on its standard input; so no password is in its arguments.
struct Job: Codable, Sendable {
    var `case`: Case
    var client: Client
    var host: String
    var port: Int
    var user: String
    var password: String
    var virtualHost: String
    /// A PEM file of the authorities to trust, for TLS.
    var authority: String?
    /// A queue that exists; to consume, it holds the messages.
    var queue: String
    var messages: Int
    var bytes: Int
    var window: Int
    var consumers: Int
    var content: Content
    /// 1 for transient messages, 2 for persistent ones.
    var deliveryMode: UInt8
}

/// What a client's process says on its standard output.
///
/// Time, processor time and system calls are those from the first message to the last.
struct Outcome: Codable, Sendable {
    var seconds: Double
    var cpuSeconds: Double
    /// `nil` when they were not counted.
    var calls: Int?
    /// The most memory the process has had since its start; `nil` where that cannot be told.
    var peakRSSBytes: Int?
}
