import AMQP
import CBaseline
import Foundation
import Harebell
import HarebellObservability
import HarebellRabbitMQ
import Logging
import Metrics
import ServiceLifecycle
import Synchronization

/// A worker as services run it: both connections, the service's topology, and metrics for Prometheus.
struct WorkerContender: Sendable {
    let job: Job
    let counter: Int32

    func run() async throws -> Outcome {
        MetricsSystem.bootstrap(PrometheusMetrics())
        let logger = try makeLogger()
        let service = try ServiceName(validating: job.queue)
        let transport = RabbitMQTransport(
            configuration: AMQPConfiguration(
                hosts: [.init(name: job.host, port: job.port)], virtualHost: job.virtualHost,
                credentials: .plain(username: job.user, password: job.password)),
            service: service, logger: logger)
        let section = HandledSection(messages: job.messages, counter: counter)
        let worker = Worker(
            service: service, transport: transport, configuration: WorkerConfiguration(prefetch: job.window),
            logger: logger
        ) {
            Subscription(to: PaidOut.self) { event, _ in
                try event.check()
                section.handledOne()
            }
        }
        let group = ServiceGroup(configuration: .init(services: [transport, worker], logger: logger))
        return try await withThrowingTaskGroup(of: Outcome?.self) { tasks in
            tasks.addTask {
                try await group.run()
                return nil
            }
            tasks.addTask {
                let outcome = await section.end()
                await group.triggerGracefulShutdown()
                return outcome
            }
            var outcome: Outcome?
            while let result = try await tasks.next() { outcome = result ?? outcome }
            guard let outcome else { throw RunError("the worker ended before it had handled every event") }
            return outcome
        }
    }

    /// With or without the line for each event, as a service's host writes it.
    private func makeLogger() throws -> Logger {
        let level: Logger.Level = job.case == .handleLogged ? .info : .warning
        var output = LogOutput.standardError
        if level == .info {
            let descriptor = open("/dev/null", O_WRONLY)
            guard descriptor >= 0 else { throw RunError("/dev/null cannot be opened: errno \(errno)") }
            output = LogOutput(descriptor: descriptor)
        }
        return Logger(label: "harebell-bench") { [output] label in
            LineLogHandler(label: label, format: .json, level: level, output: output)
        }
    }
}

/// From the first event that is handled to the last one: how long a worker takes to start has no part in it.
final class HandledSection: Sendable {
    private struct Start {
        var calls: Int64
        var cpu: Double
        var time: ContinuousClock.Instant
    }

    private let messages: Int
    private let counter: Int32
    private let count = Atomic(0)
    private let start = Mutex<Start?>(nil)
    private let outcomes: AsyncStream<Outcome>
    private let output: AsyncStream<Outcome>.Continuation

    init(messages: Int, counter: Int32) {
        self.messages = messages
        self.counter = counter
        (outcomes, output) = AsyncStream.makeStream()
    }

    /// The handler calls it once for each event.
    func handledOne() {
        let count = count.wrappingAdd(1, ordering: .relaxed).newValue
        if count == 1 {
            start.withLock {
                $0 = Start(
                    calls: Int64(cbaseline_calls(counter)), cpu: cbaseline_cpu_seconds(), time: ContinuousClock.now)
            }
        }
        guard count == messages, let start = start.withLock({ $0 }) else { return }
        output.yield(
            Outcome(
                seconds: (ContinuousClock.now - start.time) / .seconds(1),
                cpuSeconds: cbaseline_cpu_seconds() - start.cpu,
                calls: start.calls < 0 ? nil : Int(Int64(cbaseline_calls(counter)) - start.calls),
                peakRSSBytes: peakRSSBytes()))
        output.finish()
    }

    /// Returns when the last event is handled; `nil` when that is not waited for any more.
    func end() async -> Outcome? { await outcomes.first { _ in true } }
}
