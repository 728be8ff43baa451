/// A service that can be told to take less or nothing while it runs: what a control endpoint talks to.
public protocol ControllableService: Sendable {
    /// The service's name.
    var service: ServiceName { get }
    /// What it is doing.
    var state: WorkerState { get }
    /// How many messages are in its hands at a time.
    var prefetch: Int { get }
    /// How many messages are in its hands now.
    var messagesInHand: Int { get }
    /// Takes nothing until it is resumed.
    func pause() async
    /// Takes nothing, but finishes what is in hand.
    func drain() async
    /// Takes messages again.
    func resume() async
    /// Changes how many messages are in its hands at a time.
    func setPrefetch(_ prefetch: Int) async throws
}

extension Worker: ControllableService {}
