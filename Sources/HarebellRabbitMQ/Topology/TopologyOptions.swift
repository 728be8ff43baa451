/// How a service's topology is made, where the design leaves a choice.
public struct TopologyOptions: Sendable, Hashable {
    /// Whether the worker declares its topology at start and after every reconnect.
    ///
    /// Off where a provisioner applied the topology and the worker's user may configure nothing.
    public var declares: Bool
    /// The fixed delays that copies of failed messages wait on.
    public var rungs: RetryRungs
    /// `x-delivery-limit` of the work and due queues: only the guard against a message that kills the process.
    public var deliveryLimit: Int

    /// Describes the options.
    public init(declares: Bool = true, rungs: RetryRungs = .default, deliveryLimit: Int = 20) {
        self.declares = declares
        self.rungs = rungs
        self.deliveryLimit = deliveryLimit
    }
}
