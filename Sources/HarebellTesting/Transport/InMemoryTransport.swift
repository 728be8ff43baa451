public import Harebell
import ServiceLifecycle

#if canImport(FoundationEssentials)
    public import FoundationEssentials
#else
    public import Foundation
#endif

/// A broker in memory: an exchange per event type, a queue per service, delayed retries on a manual clock, dead letters.
///
/// Everything that happened can be looked at and waited for, and publishes, retries and dead letters can be made to fail.
public final class InMemoryTransport: Transport {
    /// What can be made to fail.
    public enum Operation: Sendable, Hashable {
        /// Opening an endpoint.
        case open
        /// Publishing an event.
        case publish
        /// Storing a copy for a retry.
        case retry
        /// Storing a dead letter.
        case deadLetter
    }

    /// The error of operations that are made to fail.
    public struct Fault: Error, Sendable, CustomStringConvertible {
        /// Says where it comes from.
        public let description: String
        /// Makes the error.
        public init(_ description: String = "made to fail by the test") { self.description = description }
    }

    /// The time by which retries become due.
    public let clock: ManualClock
    let broker = Observed(Broker())

    /// An empty broker.
    public init(clock: ManualClock = ManualClock(skipsSleeps: true)) {
        self.clock = clock
    }

    /// Nothing to run: waits for shutdown.
    public func run() async throws {
        try? await gracefulShutdown()
    }

    /// Stores the event in every bound queue; in `unrouted` if there is none.
    public func publish(_ envelope: Envelope) async throws {
        try await attempt(.publish, envelope)
        broker.update { $0.publish(envelope) }
    }

    /// Binds the service's queue and starts to deliver.
    public func open(_ description: EndpointDescription) async throws -> InMemoryEndpoint {
        try await attempt(.open, nil)
        let (stream, continuation) = AsyncStream<TransportDelivery>.makeStream()
        let epoch = broker.update { $0.open(description, continuation) }
        return InMemoryEndpoint(transport: self, service: description.service, epoch: epoch, deliveries: stream)
    }

    // MARK: Failing on demand

    /// Lets the next calls of an operation fail.
    /// - Parameters:
    ///   - operation: what fails.
    ///   - times: how many calls; all until ``mend(_:)`` unless given.
    ///   - error: what they throw.
    public func fail(_ operation: Operation, times: Int = .max, with error: any Error = Fault()) {
        broker.update { $0.faults[operation] = Broker.Fault(remaining: times, error: error) }
    }

    /// Lets an operation succeed again.
    public func mend(_ operation: Operation) {
        broker.update { $0.faults[operation] = nil }
    }

    /// Runs something before every call of an operation, which may suspend or throw; `nil` takes it away.
    public func before(
        _ operation: Operation, _ action: (@Sendable (Envelope?) async throws -> Void)?
    ) {
        broker.update { $0.hooks[operation] = action }
    }

    /// How often an operation was called, successful or not.
    public func calls(of operation: Operation) -> Int { broker.value.calls[operation, default: 0] }

    func attempt(_ operation: Operation, _ envelope: Envelope?) async throws {
        let (hook, fault) = broker.update { ($0.hooks[operation], $0.call(operation)) }
        try await hook?(envelope)
        if let fault { throw fault }
    }

    // MARK: Putting messages in

    /// Puts a message into one service's queue, as a foreign client could.
    public func deliver(
        _ content: Result<Envelope, MalformedMessage>, to service: ServiceName, attempts: Int = 0,
        unhandledCount: Int = 0, firstFailedAt: Date? = nil, deliveryCount: Int = 0
    ) {
        broker.update { broker in
            var message = Message(content)
            message.attempts = attempts
            message.unhandledCount = unhandledCount
            message.firstFailedAt = firstFailedAt
            message.deliveryCount = deliveryCount
            broker.enqueue(message, to: service)
        }
    }

    /// Puts a dead letter back into its service's queue: same bytes, same id, attempts from the start.
    public func replay(_ letter: DeadLetter, to service: ServiceName) {
        broker.update { $0.replay(letter, to: service) }
    }

    /// Lets every client lose its connection and connect again: what is in the workers' hands is delivered once more, and
    /// whatever becomes of the first deliveries settles nothing.
    public func loseConnections() {
        broker.update { $0.loseConnections() }
    }

    /// Ends a service's deliveries, as a broker that goes away would.
    public func breakDeliveries(of service: ServiceName) {
        broker.update { $0.breakDeliveries(of: service) }
    }
}
