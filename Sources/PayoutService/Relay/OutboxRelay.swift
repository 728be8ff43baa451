import Harebell
import Logging
import ServiceLifecycle

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// Publishes what the store's transactions left behind.
///
/// One task reads the unpublished rows in the order of their ids, publishes one after the other, each after the confirm
/// of the one before, and marks them when they are confirmed:
/// ```
/// ┌─► look ── rows ──► publish, in order ── all confirmed ──► mark ──► look
/// │     └─ none ──► wait for a commit or the poll ─┐             ▲
/// │                                                │   failed ───┘ what was confirmed, then back off
/// └────────────────────────────────────────────────┘◄──────────────┘
/// ```
/// It stops at the first failure and begins there again, so events are never overtaken. A kill between confirm and mark
/// publishes rows again under the same event ids: subscribers see a duplicate, never a gap. What the broker refuses of
/// one event, or cannot store, while it takes others, holds up its own loan only: it is set aside, the longer the older
/// it is, since each try may leave a copy with subscribers whose queues are well. Others of its type are set aside
/// untried for a while: each would take as long to fail, and everybody else's would wait.
struct OutboxRelay<T: Transport>: Service {
    let store: PayoutStore
    let transport: T
    let health: RelayHealth
    let logger: Logger
    var policy = RelayPolicy()
    /// The types of which an event was not taken lately.
    private let refusedTypes = RefusedTypes()

    init(
        store: PayoutStore, transport: T, health: RelayHealth, logger: Logger, policy: RelayPolicy = RelayPolicy()
    ) {
        self.store = store
        self.transport = transport
        self.health = health
        self.logger = logger
        self.policy = policy
    }

    /// What became of a round.
    enum Round: Equatable {
        /// Nothing is left to publish.
        case empty
        /// Something was published; there may be more.
        case progress
        /// It stopped at a failure.
        case failed
    }

    /// Publishes until the service is asked to stop, then what is left, within ``RelayPolicy/flush``.
    func run() async throws {
        try await withThrowingTaskGroup(of: Void.self) { tasks in
            tasks.addTask { try await publishUntilStopped() }
            tasks.addTask { await prune() }
            tasks.addTask {
                // Whoever stops us waits no longer than this for a broker that is away. The rows stay.
                try await gracefulShutdown()
                store.wake.ring()
                try await Task.sleep(for: policy.flush)
            }
            // Ends when the publishing has ended or the time is up, whichever is first; pruning ends before neither.
            defer { tasks.cancelAll() }
            try await tasks.next()
        }
    }

    private func publishUntilStopped() async throws {
        var failures = 0
        while !Task.isCancelled {
            let isStopping = Task.isShuttingDownGracefully
            health.noteProgress()
            switch await round() {
            case .progress:
                failures = 0
            case .empty where isStopping:
                return
            case .empty:
                failures = 0
                await store.wake.wait(atMost: policy.poll)
            case .failed:
                failures += 1
                let backoff = policy.backoff(failures: failures, random: .random(in: 0..<1))
                try? await Task.sleep(for: isStopping ? policy.firstBackoff : backoff)
            }
        }
    }

    /// One batch: publish in order, stop at the first outage or when it has taken long, mark what was confirmed.
    func round() async -> Round {
        let rows: [OutboxRow]
        do {
            rows = try await store.unpublished(limit: policy.batch)
        } catch {
            log(error, "the outbox cannot be read")
            return .failed
        }
        guard !rows.isEmpty else { return .empty }

        var confirmed: [Int64] = []
        var refused: [OutboxRow] = []
        var isFailed = false
        let began = ContinuousClock.now
        for row in rows where !refused.contains(where: { $0.loanID == row.loanID }) {
            guard row.isParked || !refusedTypes.contains(row.envelope.type) else {
                refused.append(row)
                continue
            }
            do {
                try await transport.publishInSpan(row.envelope)
                confirmed.append(row.id)
                refusedTypes.remove(row.envelope.type)
            } catch  where !Task.isCancelled && transport.isAboutEvent(error) {
                log(error, "an event is not taken; it and the later ones of its loan are set aside", row)
                refused.append(row)
                // What cannot be sent at all says nothing of others.
                if FailureClassification(error) != .permanent {
                    refusedTypes.insert(row.envelope.type, for: policy.parking)
                }
            } catch {
                log(error, "an event was not published; it is tried again", row)
                isFailed = true
            }
            health.noteProgress()
            if isFailed || ContinuousClock.now - began > policy.longestRound { break }
        }
        return await settle(confirmed, refused: refused, isFailed: isFailed)
    }

    private func settle(_ confirmed: [Int64], refused: [OutboxRow], isFailed: Bool) async -> Round {
        do {
            // Also when the task is cancelled just now: what is marked here is not published twice.
            try await Task { [store, policy] in
                try await store.markPublished(confirmed)
                for row in refused {
                    try await store.park(row.id, for: policy.parking(afterWaiting: row.waiting))
                }
            }.value
        } catch {
            log(error, "published events could not be marked; they go out again")
            return .failed
        }
        if !confirmed.isEmpty {
            logger.debug("published", metadata: ["events": "\(confirmed.count)"])
        }
        return isFailed ? .failed : .progress
    }

    private func prune() async {
        while (try? await Task.sleep(for: policy.pruning)) != nil {
            do {
                let date = Date().addingTimeInterval(-Double(policy.retention.components.seconds))
                while try await store.prune(olderThan: date) > 0 {
                    await Task.yield()
                }
            } catch {
                log(error, "old rows could not be removed")
            }
        }
    }

    private func log(_ error: any Error, _ message: Logger.Message, _ row: OutboxRow? = nil) {
        if error is CancellationError || Task.isCancelled { return }
        var metadata: Logger.Metadata = ["error_type": "\(type(of: error))", "error": "\(error)"]
        if let row {
            metadata["event_id"] = "\(row.envelope.id)"
            metadata["event_type"] = "\(row.envelope.type)"
            metadata["loan_id"] = "\(row.loanID)"
            metadata["correlation_id"] = "\(row.envelope.correlationID)"
        }
        logger.warning(message, metadata: metadata)
    }
}
