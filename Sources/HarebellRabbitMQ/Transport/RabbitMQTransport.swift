public import AMQP
public import Harebell
public import Logging
import ServiceLifecycle
import Synchronization

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// Harebell's transport over RabbitMQ.
///
/// Two connections: one publishes, one consumes, for a connection that publishes is not read at all while the broker
/// holds it back (memory or disk alarm), and acknowledgements must not wait for that. Run it as a service that starts
/// before and stops after the workers that use it.
public final class RabbitMQTransport: Transport, ObservableService {
    /// The topology's options.
    public let topology: TopologyOptions
    /// How long an event may take to be confirmed, with all repetitions.
    public let publishDeadline: Duration
    let publishing: AMQPClient
    let consuming: AMQPClient
    let suspicion: Suspicion
    let origin: ProcessOrigin
    let logger: Logger
    private let jobs: AsyncStream<Job>
    private let submit: AsyncStream<Job>.Continuation
    private let metrics = TransportMetrics()
    private let declared = Mutex<Set<EventType>>([])

    /// Work that the transport's root task owns, such as moving deliveries from a queue to a worker.
    typealias Job = @Sendable () async -> Void

    /// Describes a transport; ``run()`` connects it.
    ///
    /// - Parameters:
    ///   - configuration: Hosts, credentials and limits of the connections.
    ///   - topology: Whether topology is declared, and the retry rungs.
    ///   - service: The service's name, for the names of the connections that operators see.
    ///   - version: The service's version, written to dead letters.
    ///   - publishDeadline: How long an event may take to be confirmed, with all repetitions; what the broker's outages
    ///     may last before a publisher is told. A handler is told in time to be retried, so keep it below its timeout.
    ///   - logger: Where the transport says what happens to its connections.
    public convenience init(
        configuration: AMQPConfiguration, topology: TopologyOptions = .init(), service: ServiceName? = nil,
        version: String = "", publishDeadline: Duration = .seconds(30), logger: Logger
    ) {
        self.init(
            configuration: configuration, topology: topology, service: service, version: version,
            publishDeadline: publishDeadline, suspicion: Suspicion(deliveryLimit: topology.deliveryLimit),
            logger: logger)
    }

    /// Describes a transport whose suspects wait for another time than usual.
    package init(
        configuration: AMQPConfiguration, topology: TopologyOptions, service: ServiceName?, version: String = "",
        publishDeadline: Duration = .seconds(30), suspicion: Suspicion, logger: Logger
    ) {
        self.suspicion = suspicion
        self.topology = topology
        self.publishDeadline = publishDeadline
        self.logger = logger
        origin = ProcessOrigin(host: ProcessInfo.processInfo.hostName, version: version)
        let name = configuration.connectionName ?? service?.rawValue ?? "harebell"
        func client(_ role: String) -> AMQPClient {
            var configuration = configuration
            configuration.connectionName = "\(name) \(role)"
            var logger = logger
            logger[metadataKey: "connection"] = "\(name) \(role)"
            return AMQPClient(configuration: configuration, logger: logger)
        }
        publishing = client("publishes")
        consuming = client("consumes")
        (jobs, submit) = AsyncStream.makeStream()
    }

    /// Keeps both connections until graceful shutdown or cancellation, then closes them in order.
    public func run() async throws {
        try await withThrowingDiscardingTaskGroup { group in
            group.addTask {
                await withGracefulShutdownHandler {
                    await withDiscardingTaskGroup { jobs in
                        for await job in self.jobs { jobs.addTask { await job() } }
                    }
                } onGracefulShutdown: {
                    self.submit.finish()
                }
            }
            for client in [consuming, publishing] {
                group.addTask {
                    // Structured shutdown: the client closes its connection in order, and its run() returns.
                    try await withGracefulShutdownHandler {
                        try await client.run()
                    } onGracefulShutdown: {
                        client.beginShutdown()
                    }
                }
            }
        }
    }

    /// Publishes an event to the exchange of its type: persistent, mandatory, and confirmed when this returns.
    ///
    /// The exchange is declared before the first event of its type, where declaring is on. What the broker refuses to
    /// store (a nack: a queue without a leader, a full disk) is published again with the same id until ``publishDeadline``.
    ///
    /// - Throws: `AMQPError`; `PermanentError` when the event can never be sent, for example because it is too large.
    public func publish(_ envelope: Envelope) async throws {
        let start = ContinuousClock.now
        do {
            try await send(envelope)
            metrics.published(envelope.type, .confirmed, after: ContinuousClock.now - start)
        } catch {
            let isUnroutable = (error as? AMQPError)?.code == .returned
            metrics.published(envelope.type, isUnroutable ? .unroutable : .failed, after: ContinuousClock.now - start)
            throw error
        }
    }

    /// Whether the broker refuses or cannot store this event, while it may take others.
    ///
    /// No permission, no exchange, a queue without a majority; a confirm that does not come counts, unless the broker is
    /// away or under an alarm.
    public func isAboutEvent(_ error: any Error) -> Bool {
        switch error {
        case let error as AMQPError:
            switch error.code {
            case .returned, .nacked, .channelClosed, .invalidArgument: return true
            case .timedOut: if case .connected = publishing.state { return true } else { return false }
            default: return false
            }
        // What every event needs beside its own exchange may be what is wrong.
        case is TopologyError: return false
        default: return FailureClassification(error) == .permanent
        }
    }

    private func send(_ envelope: Envelope) async throws {
        let end = ContinuousClock.now + publishDeadline
        try await declare(envelope.type, until: end)
        let message = envelope.outgoingMessage
        // Doubled without a limit: what one subscriber's queue refuses, the others of the event have stored each time.
        var pause: Duration = .milliseconds(100)
        while true {
            do throws(AMQPError) {
                let left = ContinuousClock.now.duration(to: end)
                return try await publishing.publish(message, deadline: max(.seconds(1), left))
            } catch {
                switch error.code {
                case .invalidArgument:
                    // The same next time: the event itself cannot be sent.
                    throw PermanentError("the event cannot be published: \(error.message)", underlying: error)
                case .nacked where ContinuousClock.now + pause < end:
                    metrics.nacked(envelope.type)
                    logger.warning(
                        "the broker did not store an event; publishing it again",
                        metadata: ["event_id": "\(envelope.id)", "event_type": "\(envelope.type)"])
                case _ where error.isMissingTopology && topology.declares && ContinuousClock.now + pause < end:
                    // The exchange, or what keeps its events, was deleted while we were connected: make it again.
                    declared.withLock { _ = $0.remove(envelope.type) }
                    try await declare(envelope.type, until: end)
                default:
                    throw error
                }
            }
            try await Task.sleep(for: pause)
            pause *= 2
        }
    }

    /// Brings the gauges of both connections up to date; see `Worker.updateGauges()`.
    public func updateGauges() {
        metrics.show([("consumes", consuming), ("publishes", publishing)])
    }

    /// Ready while both connections are open and the broker takes publishes.
    public func health() -> ServiceHealth {
        let (publishing, consuming) = (publishing.state, consuming.state)
        let isOpen = publishing.isConnected && consuming.isConnected
        let isBlocked = if case .blocked = publishing { true } else { false }
        return ServiceHealth(
            name: "broker", state: !isOpen ? "not connected" : isBlocked ? "takes no publishes" : "connected",
            isStarted: self.consuming.history.connects > 0, isReady: isOpen && !isBlocked)
    }

    /// Declares a service's topology, or proves it by consuming, and starts to deliver.
    public func open(_ description: EndpointDescription) async throws -> RabbitMQEndpoint {
        let wanted = Topology.service(
            description.service, subscribes: description.subscribes, publishes: description.publishes,
            options: topology)
        if topology.declares {
            try await apply(wanted, with: consuming, named: description.service.rawValue)
        }
        let endpoint = RabbitMQEndpoint(description: description, topology: wanted, transport: self)
        submit.yield { await endpoint.run() }
        return endpoint
    }

    /// Does something beside everything else, until the transport ends.
    func perform(_ job: @escaping Job) { submit.yield(job) }

    /// Declares the exchange of an event type once per process, and again after every reconnect.
    private func declare(_ type: EventType, until end: ContinuousClock.Instant) async throws {
        guard topology.declares, !declared.withLock({ $0.contains(type) }) else { return }
        let left = max(.seconds(1), ContinuousClock.now.duration(to: end))
        try await apply(.events([type]), with: publishing, named: type.rawValue, timeout: left)
        declared.withLock { _ = $0.insert(type) }
    }

    /// Applies now, so that a mismatch is the caller's error, and at every later connect.
    ///
    /// - Parameter timeout: How long to wait for the connection; as long as it takes unless given.
    func apply(
        _ wanted: Topology, with client: AMQPClient, named name: String, timeout: Duration? = nil
    ) async throws {
        let logger = logger
        try await client.withConnection(timeout: timeout) { connection in
            try await wanted.apply(on: connection, logger: logger)
        }
        client.onConnect(name) { connection in
            try await wanted.apply(on: connection, logger: logger)
        }
    }
}

extension AMQPError {
    /// Whether a publish failed for something that applying the topology would mend.
    var isMissingTopology: Bool {
        code == .returned || (code == .channelClosed && replyCode == 404)
    }
}
