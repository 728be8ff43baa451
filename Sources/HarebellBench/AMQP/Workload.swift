import AMQP
import CBaseline
import Logging

/// Moves messages, ours and in C, run by run in turn.
struct Workload: Sendable {
    let configuration: AMQPConfiguration
    let messages: Int
    let bytes: Int
    let window: Int
    let queue: QueueKind
    let logger: Logger

    private struct Contender: Sendable {
        var `case`: String
        var client: String
        var run: @Sendable (Workload, AMQPConnection, String) async throws -> Sample
        var needsMessages = false
    }

    private static let contenders: [Contender] = [
        Contender(case: "publish-batch", client: "c") { try await $0.baseline(cbaseline_publish, $2) },
        Contender(case: "publish-batch", client: "harebell") { try await $0.publishBatches($1, $2) },
        Contender(case: "publish-tasks", client: "harebell") { try await $0.publishTasks($1, $2) },
        Contender(
            case: "consume-batch", client: "c", run: { try await $0.baseline(cbaseline_consume, $2) },
            needsMessages: true),
        Contender(
            case: "consume-batch", client: "harebell", run: { try await $0.consume($1, $2) }, needsMessages: true),
        Contender(
            case: "consume-tasks", client: "harebell", run: { try await $0.consumeTasks($1, $2) },
            needsMessages: true),
    ]

    /// Runs every contender in turn, as often as told, after one run each that does not count.
    func measure(runs: Int, progress: (Row) -> Void) async throws -> [Row] {
        var rows = Self.contenders.map { contender in
            Row(
                case: contender.case, client: contender.client, queue: queue, bytes: bytes, window: window,
                tls: configuration.tls != nil, messages: messages)
        }
        for round in 0...runs {
            for (index, contender) in Self.contenders.enumerated() {
                let sample = try await once(contender)
                guard round > 0 else { continue }
                rows[index].samples.append(sample)
                progress(rows[index])
            }
        }
        return rows
    }

    /// One run on a fresh queue and connection.
    private func once(_ contender: Contender) async throws -> Sample {
        let connection = try await AMQPConnection.connect(configuration, logger: logger)
        let channel = try await connection.openChannel(confirms: true)
        let name = "harebell-bench-\(UInt32.random(in: 0...UInt32.max))"
        if queue == .quorum {
            try await channel.declareQueue(name, arguments: ["x-queue-type": "quorum"])
        } else {
            try await channel.declareQueue(name, durable: false)
        }
        let result: Result<Sample, any Error>
        do {
            if contender.needsMessages { _ = try await publishBatches(connection, name) }
            result = .success(try await contender.run(self, connection, name))
        } catch {
            result = .failure(error)
        }
        // A run counts only if it moved every message: published ones are in the queue, consumed ones are not.
        let left = channel.isOpen ? try await channel.deleteQueue(name) : nil
        await connection.close()
        let sample = try result.get()
        let expected = contender.needsMessages ? 0 : UInt32(messages)
        guard left == expected else {
            throw CountError(contender: "\(contender.case) \(contender.client)", expected: expected, left: left)
        }
        return sample
    }

    // MARK: Ours

    private func message(_ queue: String) -> OutgoingMessage {
        var properties = BasicProperties()
        properties.contentType = "application/json"
        properties.deliveryMode = self.queue == .classic ? 1 : 2
        return OutgoingMessage(
            exchange: "", routingKey: queue, properties: properties, body: [UInt8](repeating: 0, count: bytes),
            // As in the C loop.
            mandatory: false)
    }

    private func timed(_ body: () async throws -> Void) async rethrows -> Sample {
        let clock = ContinuousClock()
        let cpu = cbaseline_cpu_seconds()
        let start = clock.now
        try await body()
        return Sample(seconds: (clock.now - start) / .seconds(1), cpuSeconds: cbaseline_cpu_seconds() - cpu)
    }

    /// Four tasks publish a quarter of the window at a time, so that the window stays filled.
    private func publishBatches(_ connection: AMQPConnection, _ queue: String) async throws -> Sample {
        let channel = try await connection.openChannel(confirms: true)
        let message = message(queue)
        let publishers = min(4, window)
        let size = max(1, window / publishers)
        return try await timed {
            try await withThrowingTaskGroup(of: Void.self) { group in
                for publisher in 0..<publishers {
                    let share = messages / publishers + (publisher < messages % publishers ? 1 : 0)
                    group.addTask {
                        var left = share
                        while left > 0 {
                            let batch = [OutgoingMessage](repeating: message, count: min(size, left))
                            for result in await channel.publish(batch) { try result.get() }
                            left -= batch.count
                        }
                    }
                }
                try await group.waitForAll()
            }
        }
    }

    /// 64 tasks await each publish on its own.
    private func publishTasks(_ connection: AMQPConnection, _ queue: String) async throws -> Sample {
        let channel = try await connection.openChannel(confirms: true)
        let message = message(queue)
        let publishers = min(64, window)
        return try await timed {
            try await withThrowingTaskGroup(of: Void.self) { group in
                for publisher in 0..<publishers {
                    let share = messages / publishers + (publisher < messages % publishers ? 1 : 0)
                    group.addTask {
                        for _ in 0..<share { try await channel.publish(message) }
                    }
                }
                try await group.waitForAll()
            }
        }
    }

    private func consume(_ connection: AMQPConnection, _ queue: String) async throws -> Sample {
        let channel = try await connection.openChannel()
        return try await timed {
            var left = messages
            for try await delivery in try await channel.consume(queue, prefetch: UInt16(window)) {
                delivery.acknowledge()
                left -= 1
                if left == 0 { break }
            }
        }
    }

    private func consumeTasks(_ connection: AMQPConnection, _ queue: String) async throws -> Sample {
        let channel = try await connection.openChannel()
        return try await timed {
            let deliveries = try await channel.consume(queue, prefetch: UInt16(window))
            try await withThrowingDiscardingTaskGroup { group in
                var left = messages
                for try await delivery in deliveries {
                    group.addTask { delivery.acknowledge() }
                    left -= 1
                    if left == 0 { break }
                }
            }
        }
    }

    // MARK: The C loop

    private typealias Start = (UnsafePointer<cbaseline_job>, UnsafeMutableRawPointer, cbaseline_done) -> Int32

    /// Runs a C loop on its own thread; the cooperative pool only waits for its word.
    private func baseline(_ start: Start, _ queue: String) async throws -> Sample {
        guard case .plain(let username, let password) = configuration.credentials, configuration.tls == nil,
            let host = configuration.hosts.first
        else { throw BaselineError(message: "the C loop needs amqp:// and a password") }
        let result: cbaseline_result = try await withCheckedThrowingContinuation { continuation in
            let context = Unmanaged.passRetained(Completion(continuation)).toOpaque()
            let status = withStrings([host.name, username, password, configuration.virtualHost, queue]) { strings in
                var job = cbaseline_job(
                    host: strings[0], port: Int32(host.port ?? 5672), user: strings[1], password: strings[2],
                    virtual_host: strings[3], queue: strings[4], count: Int32(messages), bytes: Int32(bytes),
                    window: Int32(window))
                return start(&job, context) { context, result in
                    guard let context else { return }
                    Unmanaged<Completion>.fromOpaque(context).takeRetainedValue().continuation.resume(returning: result)
                }
            }
            if status != 0 {
                Unmanaged<Completion>.fromOpaque(context).release()
                continuation.resume(throwing: BaselineError(message: "no thread: error \(status)"))
            }
        }
        if let message = result.message { throw BaselineError(message: message) }
        return Sample(seconds: result.seconds, cpuSeconds: result.cpu_seconds)
    }
}

/// A run did not move what it claims.
struct CountError: Error, CustomStringConvertible {
    let contender: String
    let expected: UInt32
    let left: UInt32?

    var description: String {
        "\(contender): \(left.map(String.init) ?? "-") messages were left in the queue instead of \(expected)"
    }
}

/// The C loop could not do its work.
struct BaselineError: Error, CustomStringConvertible {
    let message: String

    var description: String { "the C baseline failed: \(message)" }
}

/// Carries a continuation through C; retained by the thread that resumes it.
private final class Completion: Sendable {
    let continuation: CheckedContinuation<cbaseline_result, any Error>

    init(_ continuation: CheckedContinuation<cbaseline_result, any Error>) {
        self.continuation = continuation
    }
}

/// C strings that live as long as the call.
private func withStrings<R>(_ strings: [String], _ body: ([UnsafePointer<CChar>]) -> R) -> R {
    func next(_ rest: ArraySlice<String>, _ pointers: [UnsafePointer<CChar>]) -> R {
        guard let first = rest.first else { return body(pointers) }
        return first.withCString { next(rest.dropFirst(), pointers + [$0]) }
    }
    return next(strings[...], [])
}

extension cbaseline_result {
    fileprivate var message: String? {
        withUnsafeBytes(of: error) { bytes in
            let text = bytes.prefix { $0 != 0 }
            return text.isEmpty ? nil : String(decoding: text, as: UTF8.self)
        }
    }
}
