import Logging
import Synchronization

extension Shift {
    /// Carries out the plan until the shift ends.
    ///
    /// After each change: the endpoint takes messages as planned, then what may not begin is handed back, all of it. Not before, or
    /// the consumer that is being cancelled would get it again.
    func followPlan(opened: Taking) async {
        var current = (taking: opened, probes: 0)
        while !Task.isCancelled {
            let (change, wanted) = plan.read { ($0.change, (taking: $0.taking, probes: $0.probes)) }
            let isAnotherProbe = wanted.taking == .one && wanted.probes != current.probes
            if wanted.taking != current.taking || isAnotherProbe {
                // Whoever hands back by the former plan ends first: what comes back must not get behind what comes now.
                handingBack.withLock { _ in }
                await ledger.arrived(await endpoint.take(wanted.taking))
            }
            current = wanted
            ledger.review()
            handBackExcluded { $0.change == change }
            // Nothing more comes for what was being collected.
            if wanted.taking == .nothing { lineup.change { $0.closeAll() } }
            plan.change { $0.isInForce(change) }
            await nextChange(after: change)
            guard plan.read(\.isCarriedOut) else { return }
        }
    }

    /// Returns when the plan has changed; the time makes it change too, when the breaker is open.
    private func nextChange(after change: Int) async {
        let isOver: @Sendable (TakingPlan) -> Bool = { $0.change != change || !$0.isCarriedOut }
        guard let until = plan.read(\.breaker?.opensUntil) else { return await plan.wait(until: isOver) }
        await withDiscardingTaskGroup { group in
            group.addTask {
                let clock = self.configuration.clock
                while clock.uptime() < until {
                    guard (try? await clock.sleep(until - clock.uptime())) != nil else { return }
                }
                self.plan.change { $0.breaker { $0.tick(at: clock.uptime()) } }
            }
            await plan.wait(until: isOver)
            group.cancelAll()
        }
    }

    /// Notes an arrival; if a probe is wanted, this is it.
    func admit(_ delivery: TransportDelivery, at now: Duration) -> Int {
        guard hasBreaker, plan.read({ $0.admission != .all }) else { return ledger.admit(delivery, at: now) }
        // In one step for those who hand back, or they might take the probe away.
        return handingBack.withLock { _ in
            let number = ledger.admit(delivery, at: now)
            plan.change { $0.breaker { _ = $0.arrived(number) } }
            return number
        }
    }

    /// What comes out of the endpoint after a change was in force goes back at once, if it may not begin.
    func handBackLate() {
        guard plan.read({ $0.admission != .all }) else { return }
        handBackExcluded { $0.isSettled($0.change) || $0.breaker?.state == .probing }
    }

    /// Hands back what waits and may not begin, if the plan is still the one that the endpoint follows.
    ///
    /// Asked while nobody else hands back, and of one plan: by a newer one the endpoint may hand out successors already,
    /// which what is handed back now would get behind.
    private func handBackExcluded(if isFollowed: @Sendable (TakingPlan) -> Bool) {
        handBack { ledger.takeExcluded(plan.read { isFollowed($0) ? $0.admission : .all }) }
        // A probe that was handed back, because the worker was paused, proves nothing.
        if let probe = plan.read(\.breaker?.probe), !ledger.holds(probe) { probeEnded(probe, wasCalled: false) }
    }

    /// Has everything that waits handed back if some of it has waited for too long, since brokers close a channel that
    /// keeps a message.
    ///
    /// Nothing is taken meanwhile, as in every change of the plan: what is on its way would get before what comes back.
    func handBackOverdue() {
        guard ledger.hasOverdue, plan.change({ $0.startOver() }) else { return }
        logger.warning(
            "Messages have waited for too long in the worker's hands and are handed back: lower the prefetch",
            metadata: ["service": "\(service)", "count": "\(ledger.waiting)"])
    }

    /// Has one that has begun handed back, with everything that waits behind it: a later one of its key would begin at once.
    ///
    /// Like all others when nothing is taken any more, in the order of their arrival.
    func giveUp(_ arrival: Arrival) {
        guard ledger.putBack(arrival.number) else { return }
        plan.change { _ = $0.startOver() }
    }

    /// Hands deliveries back, uncounted, one by one in their order: nobody else does meanwhile.
    func handBack(_ take: () -> [TransportDelivery]) {
        handingBack.withLock { _ in
            for delivery in take() {
                endpoint.release(delivery)
                let log = DeliveryLog(logger, service: service, delivery: delivery, handler: nil)
                log.settled(.released, attempt: delivery.attempts, duration: .zero)
                metrics[try? delivery.content.get().type].settled(.released, processing: .zero, critical: nil)
            }
        }
    }
}
