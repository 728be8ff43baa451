import AMQP
import ArgumentParser
import Foundation
import HarebellDevelopment
import Logging

/// `harebell-bench amqp`: publishing with confirms and consuming with acks, ours beside the C loop and others.
struct AMQPBenchmark: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "amqp", abstract: "Publish with confirms and consume with acks, beside other clients.",
        discussion: """
            Without options it measures what the judged table needs: 256 bytes, window 1000, a classic queue, all \
            clients, beside RabbitMQ and beside a broker that does nothing; TLS and 2 MB for ours and C. Any of \
            --bytes, --windows, --queues, --tls and --consumers measures the product of what is given instead.
            """)

    @Option(help: "The broker to use; without it a private one is started and removed afterwards.")
    var url: String?

    @Option(help: "How many runs of each; the median counts.")
    var runs = 7

    @Option(help: "How many messages one run moves; without it as many as take about a second.")
    var messages: Int?

    @Option(help: "Which clients: c, harebell, pika, aio-pika.")
    var clients: Several<Client> = .init(Client.ofAMQP)

    @Option(
        help: "Which cases: publish-batch, publish-tasks, publish-loop, publish-client, consume-batch, consume-tasks.")
    var cases: Several<Case> = .init(Case.ofAMQP)

    @Option(help: "Which brokers: rabbitmq, null.")
    var brokers: Several<BrokerKind> = .init(BrokerKind.allCases)

    @Option(help: "How many bytes a message has, for example 100,256,1024.")
    var bytes: Several<Int>?

    @Option(help: "How many confirms may be missing, and how many deliveries be unsettled.")
    var windows: Several<Int>?

    @Option(help: "Which queues: classic (transient), quorum.")
    var queues: Several<QueueKind>?

    @Option(help: "With TLS: off, on or both.")
    var tls: TLSChoice?

    @Option(help: "How many consumers share the window.")
    var consumers: Several<Int>?

    @Flag(help: "Measure every value of every dimension, one dimension at a time.")
    var matrix = false

    @Flag(help: "Print rows as JSON.")
    var json = false

    @Flag(help: "Exit with 1 if a must of the judged table is missed.")
    var check = false

    @Option(help: "The Python that has pika and aio-pika; without it .build/python, which Ops/setup makes.")
    var python: String?

    /// Whether messages are encrypted.
    enum TLSChoice: String, ExpressibleByArgument, CaseIterable, Sendable {
        case off, on, both

        var values: [Bool] {
            switch self {
            case .off: [false]
            case .on: [true]
            case .both: [false, true]
            }
        }
    }

    func validate() throws {
        let isPositive = (bytes?.values ?? []).allSatisfy { $0 >= 0 } && (messages ?? 1) > 0 && runs > 0
        let areWindows = (windows?.values ?? []).allSatisfy { 1...65_535 ~= $0 }
        guard Set(clients.values).isSubset(of: Client.ofAMQP), Set(cases.values).isSubset(of: Case.ofAMQP) else {
            throw ValidationError("Frameworks, and what they do, are measured by harebell-bench worker.")
        }
        guard isPositive, areWindows, (consumers?.values ?? []).allSatisfy({ 1...100 ~= $0 }) else {
            throw ValidationError("Messages and runs must be positive, windows 1 to 65535, consumers 1 to 100.")
        }
        if let url, try AMQPConfiguration(uri: url).tls != nil, tls != .on {
            throw ValidationError("With an amqps:// URL, say --tls on.")
        }
    }

    /// The product of what was asked for; `nil` for the judged table.
    var scenarios: [Scenario]? {
        if matrix { return Plan.matrix }
        guard bytes != nil || windows != nil || queues != nil || tls != nil || consumers != nil else { return nil }
        var scenarios: [Scenario] = []
        for broker in brokers.values {
            for queue in queues?.values ?? [.classic] {
                for bytes in bytes?.values ?? [256] {
                    for window in windows?.values ?? [1000] {
                        for tls in tls?.values ?? [false] {
                            for consumers in consumers?.values ?? [1] {
                                scenarios.append(
                                    Scenario(
                                        broker: broker, queue: queue, bytes: bytes, window: window, tls: tls,
                                        consumers: consumers))
                            }
                        }
                    }
                }
            }
        }
        return scenarios
    }
}

/// A list with commas: `100,256`.
struct Several<Element: Sendable>: Sendable {
    let values: [Element]

    init(_ values: [Element]) {
        self.values = values
    }
}

extension Several: ExpressibleByArgument where Element: ExpressibleByArgument {
    init?(argument: String) {
        let parts = argument.split(separator: ",", omittingEmptySubsequences: false)
        let values = parts.compactMap { Element(argument: String($0)) }
        guard values.count == parts.count else { return nil }
        self.values = values
    }

    var defaultValueDescription: String { values.map(\.defaultValueDescription).joined(separator: ",") }
}

extension QueueKind: ExpressibleByArgument {}
extension BrokerKind: ExpressibleByArgument {}
extension Case: ExpressibleByArgument {}
extension Client: ExpressibleByArgument {}
