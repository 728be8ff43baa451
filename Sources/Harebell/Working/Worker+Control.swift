import Logging

/// Control of a worker while it works, and before.
///
/// Each of these can be called at any time, by anybody, as often as one likes; who comes last is right. They return when
/// what was asked for is in force, at once when the worker does not run, and early when shutdown comes or the calling
/// task is cancelled. A wish outlasts its moment: a worker that was paused before it ran starts paused.
extension Worker {
    /// Takes nothing and begins nothing until ``resume()``.
    ///
    /// When this returns, what the worker held and had not begun is back in its queue, uncounted and in its old order,
    /// so that other replicas can have it. Handlers that run go on and finish. RabbitMQ keeps the order of up to 32
    /// messages, and if all have come again before they are handed back once more; ``drain()`` hands nothing back.
    public func pause() async { await change { $0.wish(.pause) } }

    /// Takes nothing until ``resume()``, but finishes all that is in hand, and returns when nothing is.
    public func drain() async {
        await change { $0.wish(.drain) }
        await emptied()
    }

    /// Takes messages again.
    public func resume() async { await change { $0.wish(.work) } }

    /// How many messages are in the worker's hands at a time.
    public var prefetch: Int { plan.read(\.prefetch) }

    /// Changes how many messages are in the worker's hands at a time.
    ///
    /// What is in hand stays there, so after a smaller number there can be more for a while.
    /// - Throws: ``HarebellError`` with code `invalidWorker` unless it is from 1 to 65535, and at least the size of each
    ///   subscription's batches.
    public func setPrefetch(_ prefetch: Int) async throws {
        guard WorkerConfiguration.prefetches.contains(prefetch) else {
            throw HarebellError(.invalidWorker, "the prefetch cannot be \(prefetch): it must be 1 to 65535")
        }
        if let subscription = subscriptions.first(where: { $0.batches?.size ?? 0 > prefetch }) {
            let size = subscription.batches?.size ?? 0
            throw HarebellError(
                .invalidWorker,
                "the prefetch cannot be \(prefetch): the batches of \(subscription.name) have up to \(size)")
        }
        await change { $0.prefetch(prefetch) }
    }

    private func change(_ body: (inout TakingPlan) -> Void) async {
        let (change, before, plan) = self.plan.change { plan in
            let before = plan
            body(&plan)
            return (plan.change, before, plan)
        }
        if before.change != change {
            logger.notice(
                "Takes messages in another way",
                metadata: [
                    "service": "\(service)", "wish": "\(plan.wish)", "prefetch": "\(plan.prefetch)",
                ])
        }
        await self.plan.wait { $0.isSettled(change) }
    }
}
