import AMQP
import Foundation
import Harebell
import HarebellDevelopment
import HarebellRabbitMQ
import Logging

/// A broker that clients are measured against, and the connection that prepares and checks its queues.
struct BrokerUnderTest: Sendable {
    /// Where it is, without TLS unless the user's URL says so.
    let configuration: AMQPConfiguration
    /// The same broker with TLS.
    let tls: AMQPConfiguration?
    private let control: AMQPConnection
    private let channel: AMQPChannel
    private let logger: Logger
    /// The service whose work queue holds events.
    private let service = "harebell-bench-\(UInt32.random(in: 0...UInt32.max))"

    init(configuration: AMQPConfiguration, tls: AMQPConfiguration? = nil, logger: Logger) async throws {
        self.configuration = configuration
        self.tls = tls
        self.logger = logger
        control = try await AMQPConnection.connect(configuration, logger: logger)
        channel = try await control.openChannel(confirms: true)
    }

    func close() async {
        await removeService()
        await control.close()
    }

    /// Deletes what events needed; `unrouted`, which is everybody's, stays.
    private func removeService() async {
        let names = ServiceQueues(service: ServiceName(unchecked: service))
        let topology = Topology.service(names.service, subscribes: [PaidOut.eventType])
        // Dramatiq has two more.
        let queues = topology.queues.map(\.name) + [names.work + ".DQ", names.work + ".XQ"]
        for queue in queues where queue != Topology.unroutedName { _ = try? await channel.deleteQueue(queue) }
        for exchange in topology.exchanges where exchange.name != Topology.unroutedName {
            try? await channel.deleteExchange(exchange.name, ifUnused: true)
        }
    }

    /// Makes the queue for a run, filled if it is to be consumed, and returns the job.
    func prepare(_ contender: Contender, messages: Int) async throws -> Job {
        let scenario = contender.scenario
        guard let configuration = scenario.tls ? tls : configuration, let host = configuration.hosts.first,
            case .plain(let user, let password) = configuration.credentials
        else { throw RunError("no host and password to talk \(scenario.tls ? "TLS" : "plain text") to") }
        let queue =
            scenario.content == .events ? service : "harebell-bench-\(UInt64.random(in: 0...UInt64.max))"
        let job = Job(
            case: contender.case, client: contender.client, host: host.name,
            port: host.port ?? (configuration.tls == nil ? 5672 : 5671), user: user, password: password,
            virtualHost: configuration.virtualHost, authority: configuration.tls?.caFile, queue: queue,
            messages: messages, bytes: scenario.bytes, window: scenario.window, consumers: scenario.consumers,
            content: scenario.content, deliveryMode: scenario.queue == .classic ? 1 : 2)
        switch (scenario.content, scenario.queue) {
        case (.events, _): try await job.topology.apply(on: control, logger: logger)
        case (.zeros, .quorum): try await channel.declareQueue(queue, arguments: ["x-queue-type": "quorum"])
        case (.zeros, .classic): try await channel.declareQueue(queue, durable: false)
        }
        if contender.case.consumes { try await fill(job) }
        return job
    }

    private func fill(_ job: Job) async throws {
        var left = job.messages
        while left > 0 {
            let count = min(left, job.window, 1000)
            let batch =
                job.content == .events
                ? try job.events(count) : [OutgoingMessage](repeating: job.message, count: count)
            for result in await channel.publish(batch) { try result.get() }
            left -= batch.count
        }
    }

    /// A run counts only if it moved every message: published ones are in the queue, consumed ones are not.
    func check(_ job: Job) async throws {
        let left = Int(try await channel.deleteQueue(job.queue))
        let expected = job.case.consumes ? 0 : job.messages
        guard left == expected else {
            throw RunError("\(left) messages were left in the queue instead of \(expected)")
        }
    }

    /// Deletes the queue of a run that failed.
    func discard(_ job: Job) async {
        _ = try? await channel.deleteQueue(job.queue)
    }
}

extension Job {
    /// The message that every client publishes.
    var message: OutgoingMessage {
        var properties = BasicProperties()
        properties.contentType = "application/json"
        properties.deliveryMode = deliveryMode
        return OutgoingMessage(
            exchange: "", routingKey: queue, properties: properties, body: [UInt8](repeating: 0, count: bytes),
            // As in the other clients.
            mandatory: false)
    }
}
