public import Harebell
import ServiceLifecycle

/// What a host's workers and publishers talk through; stands in until the RabbitMQ transport takes its place.
public struct HostTransport: Transport {
    /// The receiving end.
    public struct Endpoint: TransportEndpoint {
        /// Nothing.
        public var deliveries: AsyncStream<TransportDelivery> { AsyncStream { $0.finish() } }
        /// Does nothing.
        public func acknowledge(_ delivery: TransportDelivery) {}
        /// Does nothing.
        public func release(_ delivery: TransportDelivery) {}
        /// Does nothing.
        public func retry(_ delivery: TransportDelivery, after: Duration, record: FailureRecord) async throws {}
        /// Does nothing.
        public func deadLetter(
            _ delivery: TransportDelivery, reason: DeadLetterReason, record: FailureRecord
        ) async throws {}
        /// Does nothing.
        public func stop() async {}
        /// Does nothing.
        public func close() async {}
    }

    /// Waits for the shutdown.
    public func run() async throws { try? await gracefulShutdown() }
    /// Does nothing.
    public func publish(_ envelope: Envelope) async throws {}
    /// Opens nothing.
    public func open(_ description: EndpointDescription) async throws -> Endpoint { Endpoint() }
}
