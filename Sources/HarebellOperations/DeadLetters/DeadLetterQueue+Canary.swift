import Harebell
public import HarebellRabbitMQ

extension DeadLetterQueue {
    /// What became of a canary: the first few of a replay, sent ahead to see whether they fail again.
    public enum CanaryOutcome: Sendable {
        /// A worker took them, and none had failed again when the time was over.
        case passed
        /// This one is a dead letter again.
        case failedAgain(DeadLetter)
        /// A dead letter came meanwhile, and so many lie before it that nobody can tell whether it is one of them.
        case unclear
        /// No worker has taken them in time: they wait in the service's queue.
        case notTaken
        /// No worker of the service takes messages: nothing was sent.
        case noWorker
        /// Not all could be sent: see the result's failures.
        case notSent
    }

    /// How a canary is sent and watched.
    public struct Canary: Sendable, Hashable {
        /// How many are sent ahead.
        public var count: Int
        /// How long to watch for a failure once a worker has taken them.
        ///
        /// A handler that takes longer to fail is not seen, nor is a retry that waits: what had used up its attempts has
        /// none, and everything else is given up only by its policy.
        public var watch: Duration
        /// How long a worker has to take them.
        public var timeout: Duration

        /// One, watched for 5 seconds after a worker has taken it, within 30, unless told otherwise.
        public init(count: Int = 1, watch: Duration = .seconds(5), timeout: Duration = .seconds(30)) {
            self.count = count
            self.watch = watch
            self.timeout = timeout
        }
    }

    /// Replays the first of a selection and watches whether they become dead letters again.
    ///
    /// They keep their attempts, so that what had used them up has one only, and its failure shows at once. The queue is
    /// free for other readers while it watches.
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
        guard try await state(of: ServiceQueues(service: service).due).consumers > 0 else {
            return (ReplayResult(total: 0), .noWorker)
        }
        var sent: [String: Int] = [:]
        let pace = ReplayPace(limit: canary.count, keepsAttempts: true)
        let result = try await replay(selection, pace: pace) { letter, outcome in
            if case .replayed = outcome, let id = letter.id { sent[id] = letter.replayCount + 1 }
            each(letter, outcome)
        }
        guard result.failed.isEmpty else { return (result, .notSent) }
        guard result.replayed > 0 else { return (result, .passed) }
        // What comes meanwhile makes the queue longer than this.
        var watch = CanaryWatch(queue: self, sent: sent, expected: result.total - result.replayed)
        return (result, try await watch.run(canary, due: ServiceQueues(service: service).due))
    }
}

/// Watches what became of a canary.
///
/// RabbitMQ tells nobody that a message was handled; it tells how many wait. So a canary is taken when nothing waits in
/// the queue of replays, and has failed when it lies in the dead-letter queue again, where a new one makes it longer.
private struct CanaryWatch {
    let queue: DeadLetterQueue
    /// The ids that were sent, with the replays that their copies have behind them.
    let sent: [String: Int]
    /// How many dead letters there are unless one came.
    var expected: Int

    mutating func run(
        _ canary: DeadLetterQueue.Canary, due: String
    ) async throws -> DeadLetterQueue.CanaryOutcome {
        var end = ContinuousClock.now + canary.timeout
        var isTaken = false
        while true {
            let now = ContinuousClock.now
            if !isTaken, try await queue.state(of: due).messages == 0 {
                isTaken = true
                end = now + canary.watch
            }
            let isOver = now >= end
            let count = try await queue.count()
            // Once more at the end, however many there are: others may have taken as many as have come.
            if count > expected || (isOver && isTaken && count > 0), let failure = try await look() { return failure }
            expected = count
            if isOver { return isTaken ? .passed : .notTaken }
            try await Task.sleep(for: .milliseconds(200))
        }
    }

    private func look() async throws -> DeadLetterQueue.CanaryOutcome? {
        let listing: DeadLetterQueue.Listing
        do {
            listing = try await queue.list()
        } catch OperationError.inUse {
            // Another operator looks: the queue says later what has come.
            return .unclear
        }
        let failed = listing.letters.first { letter in
            letter.id.flatMap { sent[$0] }.map { letter.replayCount >= $0 } ?? false
        }
        if let failed { return .failedAgain(failed) }
        return listing.looked < listing.total && listing.total > expected ? .unclear : nil
    }
}
