import AMQP
import Logging

#if canImport(Darwin)
    import Darwin
#else
    import Glibc
#endif

/// `amqp-stress URL [SECONDS]`: everything at once against a real broker, and an account of it.
///
/// Many tasks publish with confirms, consume, settle, give back, cancel, open and close channels, publishers and
/// clients, while their connections are reset. It exits with 1 if a confirmed message is lost, a refused one is
/// delivered, a descriptor stays open, a confirm takes ten seconds, or a caller is told twice, never, or of something
/// that cannot be. That is what the sanitizers run.
@main
enum AMQPStress {
    static let logger = Logger(label: "amqp-stress") { _ in SwiftLogNoOpLogHandler() }

    static func main() async {
        let arguments = CommandLine.arguments.dropFirst()
        guard let uri = arguments.first, arguments.count <= 2, let seconds = Int(arguments.dropFirst().first ?? "10"),
            seconds > 0
        else {
            print("usage: amqp-stress amqp://user:password@host:port/virtual-host [seconds]")
            exit(64)
        }
        do {
            let (counts, descriptors) = try await run(AMQPConfiguration(uri: uri), for: .seconds(seconds))
            print("stress: \(counts); \(descriptors) descriptors more than before")
            for failure in counts.failures.prefix(20) { print("  \(failure)") }
            exit(counts.isGood && descriptors == 0 ? 0 : 1)
        } catch {
            print("amqp-stress: \(error)")
            exit(1)
        }
    }

    private static func run(
        _ direct: AMQPConfiguration, for duration: Duration
    ) async throws -> (Ledger.Counts, descriptors: Int) {
        guard let host = direct.hosts.first else { throw AMQPError(.invalidArgument, "the URL names no host") }
        let queues = try await StressQueues.declare(4, at: direct)
        let proxy = try await FlakyProxy.start(to: host.name, port: host.port ?? 5672)
        var flaky = direct
        flaky.hosts = [.init(name: "127.0.0.1", port: proxy.port)]
        let ledger = Ledger()
        let work = StressWork(ledger: ledger, queues: queues.names, flaky: flaky)
        let before = Descriptors.descriptions
        return try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                // Nothing may take longer than this: a caller that is never told would keep us here for ever.
                guard await isOver(after: duration + .seconds(90)) else { return }
                print("stress: not over 90 s after its time; \(ledger.counts)")
                exit(1)
            }
            try await work.run(for: duration, proxy)
            group.cancelAll()
            // Sockets are closed a moment after their connections are over.
            let end = ContinuousClock.now + .seconds(10)
            while Descriptors.count != before.count, await pause(.milliseconds(50), until: end) {}
            let left = Descriptors.count - before.count
            if left != 0 { for line in Descriptors.new(since: before) { print("  open: \(line)") } }
            await proxy.stop()
            try await queues.delete()
            return (ledger.counts, left)
        }
    }

    /// Waits; false when it was cancelled before.
    private static func isOver(after duration: Duration) async -> Bool {
        do {
            try await Task.sleep(for: duration)
            return true
        } catch {
            return false
        }
    }
}

/// The queues of one run, seen on a connection that does not break.
struct StressQueues {
    let names: [String]
    private let connection: AMQPConnection

    static func declare(_ count: Int, at configuration: AMQPConfiguration) async throws -> StressQueues {
        // Under a sanitizer on a busy machine, this process may not come to say that it lives.
        var configuration = configuration
        configuration.heartbeat = .seconds(60)
        let connection = try await AMQPConnection.connect(configuration, logger: AMQPStress.logger)
        let run = String(UInt32.random(in: 0...UInt32.max), radix: 36)
        let channel = try await connection.openChannel()
        let names = (0..<count).map { "stress-\(run)-\($0)" }
        for name in names { try await channel.declareQueue(name) }
        return StressQueues(names: names, connection: connection)
    }

    func delete() async throws {
        let channel = try await connection.openChannel()
        for name in names { try await channel.deleteQueue(name) }
        await connection.close()
    }
}
