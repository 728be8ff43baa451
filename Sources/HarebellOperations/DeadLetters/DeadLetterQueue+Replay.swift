import AMQP
public import HarebellRabbitMQ

extension DeadLetterQueue {
    /// What became of one dead letter.
    public enum ReplayOutcome: Sendable {
        /// The copy is confirmed and the dead letter is gone; of a dry run: would be replayed.
        case replayed
        /// Not replayed; it is still in the dead-letter queue. When the confirm did not come in time, it may be in both.
        case failed(any Error)
    }

    /// What became of a replay.
    public struct ReplayResult: Sendable {
        /// How many the queue held when the replay began.
        public let total: Int
        /// How many of them were looked at: not all when more were left alone than can be held.
        public internal(set) var looked = 0
        /// How many were replayed: the copy is confirmed and the dead letter is gone.
        public internal(set) var replayed = 0
        /// Not replayed, with the reason; still in the dead-letter queue.
        public internal(set) var failed: [(letter: DeadLetter, error: any Error)] = []
        /// Selected ids that no dead letter has which was looked at.
        public internal(set) var notFound: [String] = []
        /// How many unrouted events lie in their queue again, since still nobody subscribes to them, those included that
        /// came meanwhile.
        public internal(set) var unroutedAgain = 0
        /// Looked at and left alone.
        public internal(set) var skipped = 0
    }

    /// Replays dead letters to the failing service, and to no other, and publishes unrouted events for all who subscribe
    /// by now: original bytes, same event id.
    ///
    /// Each copy is confirmed before its dead letter is removed, so an interruption in between leaves both, never none.
    /// Only what was there when the replay began is looked at: a message that fails again is not replayed twice.
    ///
    /// - Parameters:
    ///   - selection: Which ones.
    ///   - pace: How fast, and how many at most.
    ///   - dryRun: Whether to only say what would be replayed.
    ///   - each: Called for each of those selected, as soon as it is known what became of it: an error thrown later says
    ///     nothing of them.
    ///   - progress: Called with how many of the queue's messages were looked at, and how many there are.
    /// - Throws: ``OperationError`` when somebody else is reading or the queue does not exist; `AMQPError` when the
    ///   connection is lost; `CancellationError` when the task was cancelled; what was replayed until then stays replayed.
    public func replay(
        _ selection: Selection, pace: ReplayPace = .init(), dryRun: Bool = false,
        each: (DeadLetter, ReplayOutcome) -> Void = { _, _ in },
        progress: @Sendable (_ done: Int, _ total: Int) -> Void = { _, _ in }
    ) async throws -> ReplayResult {
        var publishing = try await connection.openChannel(confirms: true)
        var ids: Set<String> = []
        var result: ReplayResult
        do {
            result = try await withReader { reader in
                try await replay(
                    selection, pace, dryRun, from: reader, over: &publishing,
                    each: { letter, outcome in
                        if let id = letter.id { ids.insert(id) }
                        each(letter, outcome)
                    },
                    progress: progress)
            }
        } catch {
            await publishing.close()
            throw error
        }
        await publishing.close()
        if case .unrouted = kind, !dryRun {
            let left = try await count()
            result.unroutedAgain = max(0, left - (result.total - result.replayed))
        }
        if case .ids(let wanted) = selection, result.replayed + result.failed.count < pace.limit {
            result.notFound = wanted.subtracting(ids).sorted()
        }
        return result
    }

    private func replay(
        _ selection: Selection, _ pace: ReplayPace, _ dryRun: Bool, from reader: DeadLetterReader,
        over publishing: inout AMQPChannel, each: (DeadLetter, ReplayOutcome) -> Void,
        progress: @Sendable (_ done: Int, _ total: Int) -> Void
    ) async throws -> ReplayResult {
        var result = ReplayResult(total: reader.total)
        let wanted = selection.limit(of: reader.total)
        var sent = 0
        var ahead: Delivery?
        while result.looked < wanted, sent < pace.limit {
            let before = result.looked
            let begun = ContinuousClock.now
            let size = min(pace.batchSize, pace.limit - sent)
            var isConfirmMissing = false
            var batch: [(delivery: Delivery, letter: DeadLetter)] = []
            while result.looked < wanted, batch.count < size {
                let delivery: Delivery
                if let kept = ahead.take() {
                    delivery = kept
                } else if let next = try await reader.next() {
                    delivery = next
                } else {
                    break
                }
                let letter = letter(delivery)
                if let first = batch.first, exchange(of: letter) != exchange(of: first.letter) {
                    // An exchange that is gone ends the channel: nothing for another one is to be on its way then.
                    ahead = delivery
                    break
                }
                result.looked += 1
                if !selection.contains(letter) {
                    result.skipped += 1
                } else if letter.isTruncated {
                    // Its bytes are in the queue and nowhere else.
                    let error = OperationError.bodyTooLarge(letter.bodySize)
                    result.failed.append((letter, error))
                    each(letter, .failed(error))
                } else {
                    batch.append((delivery, letter))
                }
            }
            if result.looked == before { break }
            sent += batch.count
            if dryRun {
                result.replayed += batch.count
                for entry in batch { each(entry.letter, .replayed) }
            } else {
                let copies = batch.map { message(replaying: $0.letter, canary: pace.canary) }
                // Not cancelled with us: what the broker has stored and we gave up would be there twice.
                let outcomes = await Task { [publishing] in
                    await publishing.publish(copies, deadline: .seconds(30))
                }.value
                isConfirmMissing = outcomes.contains { outcome in
                    if case .failure(let error) = outcome { error.code == .timedOut } else { false }
                }
                for (entry, outcome) in zip(batch, outcomes) {
                    switch outcome {
                    case .success:
                        await reader.remove(entry.delivery)
                        result.replayed += 1
                        each(entry.letter, .replayed)
                    case .failure(let error):
                        result.failed.append((entry.letter, error))
                        each(entry.letter, .failed(error))
                    }
                }
            }
            progress(result.looked, wanted)
            // Where one confirm is missing the others would be too, and each may be stored all the same.
            if isConfirmMissing { break }
            if !publishing.isOpen {
                // What one service's exchange refuses it refuses of all; unrouted events have exchanges of their own.
                guard case .unrouted = kind, connection.isOpen else { break }
                publishing = try await connection.openChannel(confirms: true)
            }
            try Task.checkCancellation()
            if !dryRun, result.looked < wanted, sent < pace.limit {
                try await Task.sleep(until: pace.next(after: batch.count, since: begun))
            }
        }
        return result
    }

    /// Where the copy of a letter goes.
    private func exchange(of letter: DeadLetter) -> String? {
        if case .unrouted = kind { letter.originExchange ?? letter.type } else { nil }
    }

    private func message(replaying letter: DeadLetter, canary: String?) -> OutgoingMessage {
        switch kind {
        case .service(let service): letter.replayMessage(to: service, canary: canary)
        case .unrouted: letter.messagePublishedAgain()
        }
    }
}
