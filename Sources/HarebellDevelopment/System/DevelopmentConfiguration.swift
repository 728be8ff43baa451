/// What `harebell dev` runs, and where.
public struct DevelopmentConfiguration: Sendable {
    /// The state directory; made with mode 0700 when it is missing.
    ///
    /// Data in it is kept between runs.
    public var directory: String
    /// Whether the data of earlier runs is removed before the start.
    public var forgets = false
    /// The folder with the services' executables; nil looks beside our own.
    public var executables: String?
    /// The port of the payout API; 0 takes a free one.
    public var payoutPort = 0
    /// The services' log level.
    public var logLevel = "info"
    /// Further variables for the services, by service name; they win over ours.
    public var environment: [String: [String: String]] = [:]
    /// How long a service may take to stop.
    public var grace: Duration = .seconds(6)
    /// How long the broker may take to stop in order; then it is killed.
    ///
    /// RabbitMQ 3.10 writes the register of its quorum queues up to three seconds late, and one that is killed before has
    /// lost those it declared last.
    public var brokerGrace: Duration = .seconds(15)

    /// A system that keeps its state in `directory`.
    public init(directory: String = ".harebell/dev") {
        self.directory = directory
    }
}
