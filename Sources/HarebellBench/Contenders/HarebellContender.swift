import AMQP
import CBaseline
import Harebell
import Logging
import Synchronization

/// Harebell's `AMQP` module, used as its documentation tells.
struct HarebellContender: Sendable {
    let job: Job
    let counter: Int32

    func run() async throws -> Outcome {
        var configuration = AMQPConfiguration(
            hosts: [.init(name: job.host, port: job.port)], virtualHost: job.virtualHost,
            credentials: .plain(username: job.user, password: job.password))
        configuration.tls = job.authority.map { TLSOptions(caFile: $0) }
        if job.case == .publishClient { return try await publishWithClient(configuration) }
        let connection = try await AMQPConnection.connect(configuration, logger: Logger(label: "harebell-bench"))
        let channel = try await connection.openChannel(confirms: !job.case.consumes)
        let outcome =
            switch job.case {
            case .publishBatch: try await publishBatches(channel)
            case .publishTasks: try await publishTasks(channel)
            case .publishLoop:
                try await withTaskExecutorPreference(connection.taskExecutor) { try await publishTasks(channel) }
            case .consumeBatch: try await consumeBatches(channel)
            case .consumeTasks: try await consumeInTasks(channel) { _ in }
            case .consumeDecoded:
                try await consumeInTasks(channel) { try PaidOut(decoding: $0.body).check() }
            case .publishClient: throw RunError("a client publishes, not a channel")
            case .handle, .handleLogged: throw RunError("a worker handles")
            }
        await connection.close()
        return outcome
    }

    /// The measured section.
    private func measured(_ body: () async throws -> Void) async rethrows -> Outcome {
        let clock = ContinuousClock()
        let calls = cbaseline_calls(counter)
        let cpu = cbaseline_cpu_seconds()
        let start = clock.now
        try await body()
        let seconds = (clock.now - start) / .seconds(1)
        let cpuSeconds = cbaseline_cpu_seconds() - cpu
        return Outcome(
            seconds: seconds, cpuSeconds: cpuSeconds, calls: calls < 0 ? nil : Int(cbaseline_calls(counter) - calls),
            peakRSSBytes: peakRSSBytes())
    }

    // MARK: Publishing

    /// Four tasks publish a quarter of the window at a time, so that the window stays filled.
    private func publishBatches(_ channel: AMQPChannel) async throws -> Outcome {
        let message = job.message
        let publishers = min(4, job.window)
        let size = max(1, job.window / publishers)
        return try await measured {
            try await split(publishers) { share in
                var left = share
                while left > 0 {
                    let batch = [OutgoingMessage](repeating: message, count: min(size, left))
                    for result in await channel.publish(batch) { try result.get() }
                    left -= batch.count
                }
            }
        }
    }

    private func publishTasks(_ channel: AMQPChannel) async throws -> Outcome {
        try await publishTasks { try await channel.publish($0) }
    }

    private func publishWithClient(_ configuration: AMQPConfiguration) async throws -> Outcome {
        var logger = Logger(label: "harebell-bench")
        logger.logLevel = .warning
        let client = AMQPClient(configuration: configuration, logger: logger)
        return try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await client.run() }
            try await client.waitUntilConnected(timeout: .seconds(10))
            let outcome = try await publishTasks { try await client.publish($0) }
            await client.shutdown()
            return outcome
        }
    }

    private func publishTasks(
        _ publish: @escaping @Sendable (OutgoingMessage) async throws -> Void
    ) async throws -> Outcome {
        let message = job.message
        return try await measured {
            try await split(min(64, job.window)) { share in
                for _ in 0..<share { try await publish(message) }
            }
        }
    }

    /// Divides the messages among tasks.
    private func split(_ tasks: Int, _ body: @escaping @Sendable (_ share: Int) async throws -> Void) async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            for task in 0..<tasks {
                let share = job.messages / tasks + (task < job.messages % tasks ? 1 : 0)
                group.addTask { try await body(share) }
            }
            try await group.waitForAll()
        }
    }

    // MARK: Consuming

    private func consumeInTasks(
        _ channel: AMQPChannel, _ body: @escaping @Sendable (Delivery) throws -> Void
    ) async throws -> Outcome {
        try await measured {
            try await withThrowingDiscardingTaskGroup { group in
                var left = job.messages
                for try await delivery in try await channel.consume(job.queue, prefetch: UInt16(job.window)) {
                    group.addTask {
                        try body(delivery)
                        delivery.acknowledge()
                    }
                    left -= 1
                    if left == 0 { return }
                }
            }
        }
    }

    /// Consumers that share the window, until they have taken every message.
    private func consumeBatches(_ channel: AMQPChannel) async throws -> Outcome {
        let left = Remaining(job.messages)
        let prefetch = UInt16(max(1, job.window / job.consumers))
        return try await measured {
            try await withThrowingTaskGroup(of: Void.self) { group in
                for _ in 0..<job.consumers {
                    let batches = try await channel.consume(job.queue, prefetch: prefetch).batches()
                    group.addTask {
                        for try await batch in batches {
                            batch.acknowledge()
                            if left.take(batch.count) == 0 { return }
                        }
                    }
                }
                // Only the task that took the last message ends; the others wait for more.
                try await group.next()
                group.cancelAll()
                while (try? await group.next()) != nil {}
            }
        }
    }
}

/// How many messages the consumers have yet to take together.
private final class Remaining: Sendable {
    private let count: Atomic<Int>

    init(_ count: Int) {
        self.count = Atomic(count)
    }

    /// Returns how many are left after these.
    func take(_ taken: Int) -> Int { count.wrappingSubtract(taken, ordering: .relaxed).newValue }
}
