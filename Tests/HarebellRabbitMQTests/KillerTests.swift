import AMQP
import Foundation
import Harebell
import HarebellDevelopment
import HarebellRabbitMQ
import Logging
import ServiceLifecycle
import Synchronization
import TestSupport
import Testing

#if canImport(Darwin)
    import Darwin
#else
    import Glibc
#endif

private let killer = "killer"
private let deliveryLimit = 8

/// A service whose process or connection dies whenever it handles the killer.
private struct FragileService: Sendable {
    let url: String
    let name: String
    let handle: @Sendable (Paid) async throws -> Void

    func run() async throws {
        let transport = RabbitMQTransport(
            configuration: try AMQPConfiguration(uri: url),
            topology: TopologyOptions(rungs: RetryRungs(TestSystem.rungs), deliveryLimit: deliveryLimit),
            service: ServiceName(unchecked: name),
            suspicion: Suspicion(deliveryLimit: deliveryLimit, firstDelay: .milliseconds(5)),
            logger: quietLogger)
        let handle = handle
        let worker = Worker(
            service: "email", transport: transport,
            configuration: WorkerConfiguration(prefetch: 50, gracePeriod: .seconds(5), retry: TestSystem.retry),
            logger: quietLogger
        ) {
            Subscription(to: Paid.self) { event, _ in try await handle(event) }
        }
        try await ServiceGroup(configuration: .init(services: [transport, worker], logger: quietLogger)).run()
    }
}

/// Publishes the killer among its neighbours, and returns when the queue holds them.
private func publishNeighbours(_ url: String, killerAt place: Int) async throws {
    let transport = RabbitMQTransport(
        configuration: try AMQPConfiguration(uri: url), topology: TestSystem.options, logger: quietLogger)
    try await withThrowingTaskGroup(of: Void.self) { group in
        group.addTask { try await transport.run() }
        // The queue must be there before the first event, with the limit of this test.
        let description = EndpointDescription(service: "email", subscribes: [Paid.eventType])
        let topology = Topology.service(
            description.service, subscribes: description.subscribes, publishes: [],
            options: TopologyOptions(rungs: RetryRungs(TestSystem.rungs), deliveryLimit: deliveryLimit))
        let connection = try await AMQPConnection.connect(try AMQPConfiguration(uri: url), logger: quietLogger)
        try await topology.apply(on: connection, logger: quietLogger)
        await connection.close()
        let publisher = Publisher(service: "payout", transport: transport)
        for number in 0..<50 {
            try await publisher.publish(Paid(loan: number == place ? killer : "l\(number)", number: number))
        }
        group.cancelAll()
        try? await group.waitForAll()
    }
}

private func messages(_ queue: String, _ url: String) async throws -> [Delivery] {
    let connection = try await AMQPConnection.connect(try AMQPConfiguration(uri: url), logger: quietLogger)
    let channel = try await connection.openChannel()
    var found: [Delivery] = []
    while let delivery = try await channel.get(queue) { found.append(delivery) }
    await connection.close()
    return found
}

private func expectOnlyTheKiller(in dead: [Delivery]) throws {
    #expect(dead.count == 1)
    let letter = try #require(dead.first)
    #expect(String(decoding: letter.body, as: UTF8.self).contains(killer))
    #expect(DeadLetter(letter).reason == .crash)
}

/// The numbers that were handled, one per line: what a process writes before it dies stays.
private struct HandledLog: Sendable {
    let path: String

    func add(_ number: Int) {
        let file = open(path, O_WRONLY | O_CREAT | O_APPEND, 0o600)
        defer { close(file) }
        let line = Array("\(number)\n".utf8)
        _ = line.withUnsafeBytes { write(file, $0.baseAddress, $0.count) }
    }

    var numbers: [Int] {
        let text = (try? String(contentsOfFile: path, encoding: .utf8)) ?? ""
        return text.split(separator: "\n").compactMap { Int($0) }
    }
}

/// A message that kills its process, with 49 neighbours in hand: it alone becomes a dead letter.
@Suite(.serialized, .timeLimit(.minutes(3))) struct KillerExitTests {
    @Test(arguments: [0, 25])
    func `a process that dies of a message takes no neighbour with it`(place: Int) async throws {
        try await withTemporaryDirectory { directory in
            try await withVirtualHost { url in
                try await publishNeighbours(url, killerAt: place)
                let neighbours = Set(0..<50).subtracting([place])
                let path = directory + "/handled"
                let log = HandledLog(path: path)
                var deaths = 0
                while try await messages("email.dead", url).isEmpty || !neighbours.isSubset(of: log.numbers) {
                    deaths += 1
                    try #require(deaths <= 2 * deliveryLimit, "the killer lives, or a neighbour is lost")
                    await #expect(processExitsWith: .signal(SIGKILL)) {
                        [url = url as String, path = path as String, place] in
                        try await Self.serve(url, HandledLog(path: path), killerAt: place)
                    }
                }
                try expectOnlyTheKiller(in: try await messages("email.dead", url))
                let handled = log.numbers
                #expect(Set(handled) == neighbours)
                print("killer at \(place): \(deaths - 1) deaths, \(handled.count - neighbours.count) handled twice")
            }
        }
    }

    /// Handles messages until one kills the process, or until all is done, which ends it in the same way.
    private static func serve(_ url: String, _ log: HandledLog, killerAt place: Int) async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                try await FragileService(url: url, name: "email") { event in
                    if event.loan == killer { kill(getpid(), SIGKILL) }
                    log.add(event.number)
                }.run()
            }
            try await eventually("all is done", within: .seconds(60)) {
                guard Set(log.numbers).count == 49 else { return false }
                return try await !messages("email.dead", url).isEmpty
            }
            kill(getpid(), SIGKILL)
            try await group.waitForAll()
        }
    }
}

/// What three replicas did.
private final class Tally: Sendable {
    private let state = Mutex<(handled: [Int], deaths: Int)>(([], 0))

    func handled(_ number: Int) { state.withLock { $0.handled.append(number) } }
    func died() { state.withLock { $0.deaths += 1 } }

    var handled: [Int] { state.withLock { $0.handled } }
    var deaths: Int { state.withLock { $0.deaths } }
}

@Suite(.timeLimit(.minutes(3))) struct KillerTests {
    /// Replicas whose connections the broker closes while they handle the killer, as if each had died.
    @Test func `of three replicas each of which dies of a message none takes a neighbour with it`() async throws {
        try await withVirtualHost { host, url in
            try await publishNeighbours(url, killerAt: 7)
            let tally = Tally()
            try await withThrowingTaskGroup(of: Void.self) { group in
                for replica in 1...3 {
                    let name = "\(host.name)-\(replica)"
                    group.addTask {
                        try await FragileService(url: url, name: name) { event in
                            guard event.loan == killer else { return tally.handled(event.number) }
                            tally.died()
                            // The broker lists a connection a moment after it is there.
                            try await eventually("the connection is closed") {
                                try await host.broker.closeConnections { $0.clientName == "\(name) consumes" } > 0
                            }
                            // Whatever becomes of it: its channel is gone.
                            throw TransientError("the process is dead")
                        }.run()
                    }
                }
                try await eventually("all is done", within: .seconds(120)) {
                    guard Set(tally.handled).count == 49 else { return false }
                    return try await !messages("email.dead", url).isEmpty
                }
                group.cancelAll()
                try? await group.waitForAll()
            }
            try expectOnlyTheKiller(in: try await messages("email.dead", url))
            #expect(Set(tally.handled) == Set(0..<50).subtracting([7]))
            print("killer of three: \(tally.deaths) deaths, \(tally.handled.count - 49) handled twice")
        }
    }
}
