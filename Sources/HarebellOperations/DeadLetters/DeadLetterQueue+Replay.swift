public import AMQP
public import HarebellRabbitMQ

extension DeadLetterQueue {
    /// Which dead letters to replay.
    public enum Selection: Sendable, Hashable {
        /// Every one that was there when the replay began.
        case all
        /// Those whose ids begin with one of these.
        case ids([String])

        func contains(_ letter: DeadLetter) -> Bool {
            switch self {
            case .all: true
            case .ids(let prefixes): letter.id.map { id in prefixes.contains { id.hasPrefix($0) } } ?? false
            }
        }
    }

    /// What became of a replay.
    public struct ReplayResult: Sendable {
        /// How many the queue held when the replay began.
        public let total: Int
        /// Replayed: the copy is confirmed and the dead letter is gone.
        public internal(set) var replayed: [DeadLetter] = []
        /// Not replayed, with the reason; still in the dead-letter queue.
        public internal(set) var failed: [(letter: DeadLetter, error: AMQPError)] = []
        /// Selected ids that no dead letter has.
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
    ///   - progress: Called with how many of the queue's messages were looked at, and how many there are.
    /// - Throws: ``OperationError`` when somebody else is reading or the queue does not exist; `AMQPError` when the
    ///   connection is lost; what was replayed until then stays replayed.
    public func replay(
        _ selection: Selection, dryRun: Bool = false,
        progress: @Sendable (_ done: Int, _ total: Int) -> Void = { _, _ in }
    ) async throws -> ReplayResult {
        let publishing = try await connection.openChannel(confirms: true)
        let result = try await withReader { reader in
            var result = ReplayResult(total: reader.total)
            var looked = 0
            while looked < reader.total {
                var batch: [(delivery: Delivery, letter: DeadLetter)] = []
                while looked < reader.total, batch.count < 50, let delivery = try await reader.next() {
                    looked += 1
                    let letter = letter(delivery)
                    if selection.contains(letter) { batch.append((delivery, letter)) } else { result.skipped += 1 }
                }
                if batch.isEmpty { break }
                if dryRun {
                    result.replayed += batch.map(\.letter)
                } else {
                    let outcomes = await publishing.publish(
                        batch.map { message(replaying: $0.letter) }, deadline: .seconds(30))
                    for (entry, outcome) in zip(batch, outcomes) {
                        switch outcome {
                        case .success:
                            await reader.remove(entry.delivery)
                            result.replayed.append(entry.letter)
                        case .failure(let error):
                            result.failed.append((entry.letter, error))
                        }
                    }
                }
                progress(looked, reader.total)
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
        if case .ids(let prefixes) = selection {
            let ids = (result.replayed + result.failed.map(\.letter)).compactMap(\.id)
            complete.notFound = prefixes.filter { prefix in !ids.contains { $0.hasPrefix(prefix) } }
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
