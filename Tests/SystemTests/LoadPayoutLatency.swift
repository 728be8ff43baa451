import AMQP
import Harebell
import HarebellRabbitMQ
import LoanEvents
import Synchronization
import TestSupport
import Testing

extension LoadTests {
    /// A block of requests in both conditions.
    private struct Block {
        var asleep: [Duration] = []
        var stopped: [Duration] = []
    }

    @Test(.timeLimit(.minutes(5)))
    func `a payout is answered as fast while every subscriber sleeps as while none is there`() async throws {
        let (blocks, requests, turn) = (5, Self.isFull ? 300 : 100, 20)
        let measured = try await withTemporaryDirectory { directory in
            try await withVirtualHost { url in
                let port = try await freePort()
                let settings = [
                    "HAREBELL_URL": url, "HAREBELL_DATABASE": directory + "/payout.sqlite",
                    "HAREBELL_HTTP_PORT": "\(port)",
                ]
                return try await withServiceProcess("payout-service", settings: settings, in: directory) { _ in
                    let api = try LoadPayoutClient(url: "http://127.0.0.1:\(port)")
                    let subscribers = SleepingSubscribers(url: url)
                    try await api.untilAllPublished()
                    // Declares the queues: events are stored for three subscribers in both conditions.
                    try await subscribers.whileConnected {}
                    var loans = try await api.createLoans(2 * (blocks * requests + turn))[...]
                    // What is measured is not the first of its kind.
                    _ = try await payOut(2 * turn, of: &loans, api)
                    var measured: [Block] = []
                    for _ in 0..<blocks {
                        var block = Block()
                        // Fine turns, each condition first in every other one: load from outside meets both alike.
                        for number in 0..<(requests / turn) {
                            if number.isMultiple(of: 2) {
                                block.stopped += try await payOut(turn, of: &loans, api)
                            }
                            block.asleep += try await subscribers.whileAsleep {
                                try await payOut(turn, of: &loans, api)
                            }
                            if !number.isMultiple(of: 2) {
                                block.stopped += try await payOut(turn, of: &loans, api)
                            }
                        }
                        measured.append(block)
                    }
                    return measured
                }
            }
        }
        let (asleep, stopped) = (Self.median(measured.flatMap(\.asleep)), Self.median(measured.flatMap(\.stopped)))
        let ratio = asleep / stopped
        let each = measured.map { Self.median($0.asleep) / Self.median($0.stopped) }
        print(
            "payout: p50 of \(blocks) blocks of \(requests): \(asleep) while every subscriber sleeps,",
            "\(stopped) while none is connected: ratio \(ratio), by block \(each)")
        #expect(measured.allSatisfy { $0.asleep.count == requests && $0.stopped.count == requests })
        #expect(ratio <= 1.25)
    }

    private static func median(_ durations: [Duration]) -> Duration { durations.sorted()[durations.count / 2] }
}

/// Pays out the next loans, one after the other, once nothing is left to publish from before.
private func payOut(_ count: Int, of loans: inout ArraySlice<String>, _ api: LoadPayoutClient) async throws
    -> [Duration]
{
    try await api.untilAllPublished()
    var took: [Duration] = []
    for _ in 0..<count { took.append(try await api.payOut(try #require(loans.popFirst()))) }
    return took
}

/// Subscribers under the names of the reference system that take ten seconds for each message.
private final class SleepingSubscribers: Sendable {
    private static let services: [ServiceName] = ["email", "pdf", "partner"]
    /// Every stop gives back what was in hand; that is not to wear a message out.
    private static let options = TopologyOptions(deliveryLimit: 10_000)
    private static let prefetch = 20

    private let url: String
    private let queues: LoadQueues
    private let asleep = Mutex(0)

    init(url: String) {
        self.url = url
        queues = LoadQueues(url: url)
    }

    /// Runs `body` while all of them are connected and sleep over as much as they take; none is left afterwards.
    func whileAsleep<Result>(_ body: () async throws -> Result) async throws -> Result {
        try await whileConnected {
            try await eventually("every subscriber has its hands full", within: .seconds(30)) {
                asleep.withLock { $0 } == Self.services.count * Self.prefetch
            }
            return try await body()
        }
    }

    /// Runs `body` while all of them are connected; none is left afterwards.
    func whileConnected<Result>(_ body: () async throws -> Result) async throws -> Result {
        let configuration = try AMQPConfiguration(uri: url)
        let transport = RabbitMQTransport(configuration: configuration, topology: Self.options, logger: quietLogger)
        let result = try await withThrowingTaskGroup(of: Void.self) { tasks in
            tasks.addTask { try await transport.run() }
            for service in Self.services {
                let worker = Worker(
                    service: service, transport: transport,
                    configuration: WorkerConfiguration(prefetch: Self.prefetch), logger: quietLogger
                ) {
                    sleep(LoanCreated.self)
                    sleep(LoanPaidOut.self)
                }
                tasks.addTask { try await worker.run() }
            }
            try await eventually("every subscriber is connected", within: .seconds(30)) {
                try await queues.consumers(of: Self.services) == Self.services.count
            }
            let result = try await body()
            tasks.cancelAll()
            // Ended by cancellation, in one way or another.
            while await tasks.nextResult() != nil {}
            return result
        }
        try await eventually("no subscriber is connected") { try await queues.consumers(of: Self.services) == 0 }
        return result
    }

    private func sleep(_ type: (some Event).Type) -> Subscription {
        Subscription(to: type) { [self] _, _ in
            asleep.withLock { $0 += 1 }
            defer { asleep.withLock { $0 -= 1 } }
            try await Task.sleep(for: .seconds(10))
        }
    }
}
