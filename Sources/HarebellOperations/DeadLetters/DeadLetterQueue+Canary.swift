import AMQP
import Harebell
public import HarebellRabbitMQ

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

extension DeadLetterQueue {
    /// What became of a canary: the first few of a replay, sent ahead to see whether they fail again.
    public enum CanaryOutcome: Sendable, Hashable {
        /// All of them were handled.
        case passed
        /// None of those selected was there: nothing was sent.
        case nothingSent
        /// This one failed again, or was not called, and is retried or a dead letter.
        case failedAgain(CanaryReport)
        /// Nobody told in time what became of all of them: the worker is busy with others, hangs, died of it, or is of
        /// a version that does not report.
        case noReport
        /// No worker of the service takes messages: nothing was sent.
        case noWorker
        /// Not all could be sent: see the result's failures.
        case notSent
    }

    /// How a canary is sent and watched.
    public struct Canary: Sendable, Hashable {
        /// How many are sent ahead.
        public var count: Int
        /// How long to wait for the word of their workers; a handler has 60 seconds unless told otherwise.
        public var timeout: Duration

        /// One, with 60 seconds to be handled, unless told otherwise.
        public init(count: Int = 1, timeout: Duration = .seconds(60)) {
            self.count = count
            self.timeout = timeout
        }
    }

    /// Replays the first of a selection, and waits for what their worker reports of them.
    ///
    /// They are handled like every replay: their first outcome is reported as soon as it is durable, and what is retried
    /// has failed as far as a canary goes. The queue is free for other readers meanwhile.
    ///
    /// - Parameters:
    ///   - selection: Of which ones the oldest are sent.
    ///   - each: As of ``replay(_:pace:dryRun:each:progress:)``.
    /// - Returns: What was sent, and what became of it.
    /// - Throws: As ``replay(_:pace:dryRun:each:progress:)``; ``OperationError`` for unrouted events, for which no one
    ///   service is responsible.
    public func send(
        _ canary: Canary, of selection: Selection, each: (DeadLetter, ReplayOutcome) -> Void = { _, _ in }
    ) async throws -> (result: ReplayResult, outcome: CanaryOutcome) {
        guard case .service(let service) = kind else { throw OperationError.noCanary(name) }
        let queues = ServiceQueues(service: service)
        do {
            guard try await state(of: queues.due).consumers > 0 else { return (ReplayResult(total: 0), .noWorker) }
        } catch let error as AMQPError where error.replyCode == 403 {
            // RabbitMQ 4.3 answers only those who may configure the queue; without that, the report tells in the end.
        }
        let token = UUID().uuidString.lowercased()
        let watching = try await connection.openChannel()
        do {
            let reports = "\(name).canary.\(token)"
            try await watching.declareQueue(reports, durable: false, exclusive: true, autoDelete: true)
            try await watching.bindQueue(reports, to: queues.exchange, routingKey: CanaryReport.routingKey(token))
            let deliveries = try await watching.consume(reports, prefetch: 100)
            let pace = ReplayPace(limit: canary.count, canary: token)
            // Told apart by their ids: a report may come twice, like everything that is published.
            var ids: Set<String> = []
            var withoutID = 0
            let result = try await replay(selection, pace: pace) { letter, outcome in
                if case .replayed = outcome {
                    if let id = letter.id { ids.insert(id) } else { withoutID += 1 }
                }
                each(letter, outcome)
            }
            let outcome: CanaryOutcome =
                if !result.failed.isEmpty {
                    .notSent
                } else if result.replayed == 0 {
                    .nothingSent
                } else {
                    try await Self.outcome(of: ids.count + withoutID, from: deliveries, within: canary.timeout)
                }
            await watching.close()
            return (result, outcome)
        } catch {
            await watching.close()
            throw error
        }
    }

    /// Waits for so many reports of success, or one of failure.
    private static func outcome(
        of count: Int, from deliveries: Deliveries, within timeout: Duration
    ) async throws -> CanaryOutcome {
        try await withThrowingTaskGroup(of: CanaryOutcome.self) { group in
            group.addTask {
                var handled: Set<String> = []
                for try await delivery in deliveries {
                    delivery.acknowledge()
                    guard let report = CanaryReport(delivery) else { continue }
                    guard report.outcome == .handled else { return .failedAgain(report) }
                    // A worker gives an id to what has none.
                    handled.insert(report.id ?? UUID().uuidString)
                    if handled.count == count { return .passed }
                }
                return .noReport
            }
            group.addTask {
                try await Task.sleep(for: timeout)
                return .noReport
            }
            defer { group.cancelAll() }
            return try await group.next() ?? .noReport
        }
    }
}
