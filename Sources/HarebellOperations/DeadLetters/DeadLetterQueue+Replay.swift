import AMQP
public import HarebellRabbitMQ

extension DeadLetterQueue {
    /// Which dead letters to replay.
    public enum Selection: Sendable, Hashable {
        /// Every one that was there when the replay began.
        case all
        /// The oldest, so many of those that were there when the replay began.
        case oldest(Int)
        /// Those with these ids.
        case ids(Set<String>)

        func contains(_ letter: DeadLetter) -> Bool {
            switch self {
            case .all, .oldest: true
            case .ids(let ids): letter.id.map { ids.contains($0) } ?? false
            }
        }

        func limit(of total: Int) -> Int {
            if case .oldest(let count) = self { min(count, total) } else { total }
        }
    }

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
        /// Replayed: the copy is confirmed and the dead letter is gone.
        public internal(set) var replayed: [DeadLetter] = []
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
    ///   - dryRun: Whether to only say what would be replayed.
    ///   - each: Called for each of those selected, as soon as it is known what became of it: an error thrown later says
    ///     nothing of them.
    ///   - progress: Called with how many of the queue's messages were looked at, and how many there are.
    /// - Throws: ``OperationError`` when somebody else is reading or the queue does not exist; `AMQPError` when the
    ///   connection is lost; what was replayed until then stays replayed.
    public func replay(
        _ selection: Selection, dryRun: Bool = false,
        each: (DeadLetter, ReplayOutcome) -> Void = { _, _ in },
        progress: @Sendable (_ done: Int, _ total: Int) -> Void = { _, _ in }
    ) async throws -> ReplayResult {
        let publishing = try await connection.openChannel(confirms: true)
        let result = try await withReader { reader in
            var result = ReplayResult(total: reader.total)
            let wanted = selection.limit(of: reader.total)
            while result.looked < wanted {
                let before = result.looked
                var batch: [(delivery: Delivery, letter: DeadLetter)] = []
                while result.looked < wanted, batch.count < 50, let delivery = try await reader.next() {
                    result.looked += 1
                    let letter = letter(delivery)
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
                if dryRun {
                    result.replayed += batch.map(\.letter)
                    for entry in batch { each(entry.letter, .replayed) }
                } else {
                    let outcomes = await publishing.publish(
                        batch.map { message(replaying: $0.letter) }, deadline: .seconds(30))
                    for (entry, outcome) in zip(batch, outcomes) {
                        switch outcome {
                        case .success:
                            await reader.remove(entry.delivery)
                            result.replayed.append(entry.letter)
                            each(entry.letter, .replayed)
                        case .failure(let error):
                            result.failed.append((entry.letter, error))
                            each(entry.letter, .failed(error))
                        }
                    }
                }
                progress(result.looked, wanted)
                if !result.failed.isEmpty, !publishing.isOpen { break }
                try Task.checkCancellation()
            }
            return result
        }
        await publishing.close()
        var complete = result
        if case .unrouted = kind, !dryRun {
            let left = try await count()
            complete.unroutedAgain = max(0, left - (result.total - result.replayed.count))
        }
        if case .ids(let ids) = selection {
            complete.notFound = ids.subtracting((result.replayed + result.failed.map(\.letter)).compactMap(\.id))
                .sorted()
        }
        return complete
    }

    private func message(replaying letter: DeadLetter) -> OutgoingMessage {
        switch kind {
        case .service(let service): letter.replayMessage(to: service)
        case .unrouted: letter.messagePublishedAgain()
        }
    }
}
