import AMQP
import ArgumentParser
import Foundation
import Harebell
import HarebellObservability
import HarebellRabbitMQ
import LoanEvents
import ServiceLifecycle
import Synchronization
import TestSupport
import Testing

@testable import HarebellHost

#if canImport(Darwin)
    import Darwin
#else
    import Glibc
#endif

/// A service in a process of its own gets SIGTERM with all its hands full.
@Suite(.serialized, .timeLimit(.minutes(2))) struct ShutdownExitTests {
    private static let count = 60

    @Test func `finished work never comes again, the rest is handed back uncounted, in time and with exit code 0`()
        async throws
    {
        try await withTemporaryDirectory { directory in
            try await withVirtualHost { url in
                try await publish(url)
                let path = directory + "/log"
                await #expect(processExitsWith: .exitCode(0)) { [url = url as String, path = path as String] in
                    try await Self.serve(url, EventLog(path))
                }
                let ended = ContinuousClock.now
                let lines = EventLog(path).lines
                let finished = lines.filter { $0.hasPrefix("finished ") }.map { String($0.dropFirst(9)) }
                #expect(finished.count >= 5)
                #expect(Set(finished).count == finished.count)
                let took = try #require(lines.last { $0.hasPrefix("took ") }.flatMap { Double($0.dropFirst(5)) })
                // Another worker gets all the rest at once, as first attempts.
                let again = Mutex<[(loan: String, attempt: Int)]>([])
                try await serve(url) { loan, context in
                    again.withLock { $0.append((loan.loanID, context.attempt)) }
                } until: {
                    again.withLock { $0.count } >= Self.count - finished.count
                }
                let rest = again.withLock { $0 }
                print(
                    "SIGTERM under full load: published \(Self.count), finished \(finished.count), handed back and",
                    "handled by the next \(rest.count), duplicates \(Set(finished).intersection(rest.map(\.loan)).count),",
                    "lost \(Self.count - Set(finished).union(rest.map(\.loan)).count), ended after \(took) s")
                #expect(Set(rest.map(\.loan)).isDisjoint(with: finished))
                #expect(Set(rest.map(\.loan)).union(finished).count == Self.count)
                #expect(rest.allSatisfy { $0.attempt == 1 })
                // A grace period of a second, another for what is cancelled to end, and the way to the broker.
                #expect(took < 6)
                #expect(ContinuousClock.now - ended < .seconds(60))
            }
        }
    }

    /// The service: every second loan takes for ever, the others a while; SIGTERM comes when some are done.
    private static func serve(_ url: String, _ log: EventLog) async throws {
        let host = try await Host(
            service: "slow", options: try HostOptions.parse(["--prefetch", "20", "--grace-period", "1s"]),
            environment: ["HAREBELL_URL": url], output: LogOutput(descriptor: -1))
        let finished = Mutex(0)
        let signalled = Mutex<ContinuousClock.Instant?>(nil)
        let worker = host.worker {
            Subscription(to: LoanPaidOut.self) { loan, _ in
                let number = Int(loan.loanID.dropFirst(2)) ?? 0
                try await Task.sleep(for: number % 2 == 0 ? .seconds(60) : .milliseconds(100))
                log.add("finished \(loan.loanID)")
                if finished.withLock({
                    $0 += 1; return $0
                }) == 5 {
                    signalled.withLock { $0 = .now }
                    kill(getpid(), SIGTERM)
                }
            }
        }
        try await host.run(worker)
        guard let began = signalled.withLock({ $0 }) else { return }
        log.add("took \((ContinuousClock.now - began) / .seconds(1))")
    }

    /// Runs a worker of the same service here, until a condition holds.
    private func serve(
        _ url: String, _ handle: @escaping @Sendable (LoanPaidOut, HandlerContext) -> Void,
        until isDone: @escaping @Sendable () -> Bool
    ) async throws {
        let transport = RabbitMQTransport(configuration: try .init(uri: url), service: "slow", logger: quietLogger)
        let worker = Worker(service: "slow", transport: transport, logger: quietLogger) {
            Subscription(to: LoanPaidOut.self) { loan, context in handle(loan, context) }
        }
        let group = ServiceGroup(configuration: .init(services: [transport, worker], logger: quietLogger))
        try await withThrowingTaskGroup(of: Void.self) { tasks in
            tasks.addTask { try await group.run() }
            try await eventually("the rest", within: .seconds(30)) { isDone() }
            await group.triggerGracefulShutdown()
            try await tasks.waitForAll()
        }
    }

    private func publish(_ url: String) async throws {
        let connection = try await AMQPConnection.connect(try AMQPConfiguration(uri: url), logger: quietLogger)
        try await Topology.service("slow", subscribes: [LoanPaidOut.eventType], options: TopologyOptions())
            .apply(on: connection, logger: quietLogger)
        let channel = try await connection.openChannel(confirms: true)
        let messages = try (0..<Self.count).map { try Envelope(testLoan($0), producer: "payout").outgoingMessage }
        for result in await channel.publish(messages) { try result.get() }
        await connection.close()
    }
}

/// What a process did, a line each.
private struct EventLog: Sendable {
    private let path: String

    init(_ path: String) {
        self.path = path
    }

    func add(_ text: String) {
        let file = open(path, O_WRONLY | O_CREAT | O_APPEND, 0o600)
        defer { close(file) }
        let line = Array((text + "\n").utf8)
        _ = line.withUnsafeBytes { write(file, $0.baseAddress, $0.count) }
    }

    var lines: [String] {
        let text = (try? String(contentsOfFile: path, encoding: .utf8)) ?? ""
        return text.split(separator: "\n").map(String.init)
    }
}
