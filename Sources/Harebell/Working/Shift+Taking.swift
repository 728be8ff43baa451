import Logging
import Synchronization

extension Shift {
    /// Carries out the plan until the shift ends.
    ///
    /// After each change: the endpoint takes messages as planned, then what may not begin is handed back. Not before, or
    /// the consumer that is being cancelled would get it again.
    func followPlan(opened: Taking) async {
        var current = opened
        while !Task.isCancelled {
            let (change, wanted) = plan.read { ($0.change, $0.taking) }
            if wanted != current { await endpoint.take(wanted) }
            current = wanted
            plan.change { $0.isInForce(change) }
            ledger.review()
            handBackExcluded()
            await plan.wait { $0.change != change || !$0.isCarriedOut }
            guard plan.read(\.isCarriedOut) else { return }
        }
    }

    /// Hands back what waits and may not begin.
    func handBackExcluded() {
        handBack { ledger.takeExcluded() }
    }

    /// Hands back what waits if some of it has waited for too long, since brokers close a channel that keeps a message.
    func handBackOverdue() {
        let count = handBack { ledger.takeOverdue() }
        guard count > 0 else { return }
        logger.warning(
            "Messages have waited for too long in the worker's hands and were handed back: lower the prefetch",
            metadata: ["service": "\(service)", "count": "\(count)"])
    }

    /// Hands deliveries back, uncounted, one by one in their order: nobody else does meanwhile.
    @discardableResult
    func handBack(_ take: () -> [TransportDelivery]) -> Int {
        handingBack.withLock { _ in
            let deliveries = take()
            for delivery in deliveries {
                endpoint.release(delivery)
                let log = DeliveryLog(logger, service: service, delivery: delivery, handler: nil)
                log.settled(.released, attempt: delivery.attempts, duration: .zero)
                metrics[try? delivery.content.get().type].settled(.released, processing: .zero, critical: nil)
            }
            return deliveries.count
        }
    }
}
