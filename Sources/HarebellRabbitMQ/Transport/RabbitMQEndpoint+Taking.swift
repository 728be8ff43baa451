import AMQP
@_spi(HarebellTransports) import Harebell
import Logging

/// Takes messages from both queues: many at a time, or one when it may be deadly or is a probe, or none.
///
/// ```
///             a message that is no suspect is handled, or there is none
///   ┌───────────────────────────────────────────────────────────────────┐
///   ▼                                                                   │
/// many at a time ── a suspect: cancelled, handed back, all settled ──► one at a time
/// (prefetch)                                  a suspect: it waits, it is handled │ ▲
///                                                                                └─┘
/// ```
/// `basic.get` takes that one: unlike a consumer with a prefetch of 1 it takes from two queues one message in all, and
/// none that nobody asked for. A changed order ends whatever way it is, before the next begins.
extension RabbitMQEndpoint {
    private var suspicion: Suspicion { transport.suspicion }
    /// How many deliveries are read before the worker hears of them: few, or the first would wait for the last.
    private static var handedOutTogether: Int { 32 }
    /// How long an empty queue is left alone when a single message is wanted.
    private var pollInterval: Duration { .milliseconds(250) }

    /// Takes messages until ``RabbitMQEndpoint/stop()``, or until the broker refuses both consumers for good.
    func run() async {
        await withDiscardingTaskGroup { group in
            group.addTask { await self.handBacks.run() }
            await takeAsOrdered()
            group.cancelAll()
        }
    }

    private func takeAsOrdered() async {
        while let order = nextOrder() {
            // Or what was handed back would come behind what follows it.
            await handBacks.settled()
            switch order.taking {
            case .nothing:
                await changed(order)
            case .one:
                await unlessChanged(order) { await self.takeOne() }
                await changed(order)
            case .many(let prefetch):
                switch await takeMany(prefetch: UInt16(clamping: max(1, prefetch)), order) {
                case .changed: continue
                case .suspect:
                    await handBacks.settled()
                    await unlessChanged(order) { await self.examineAll() }
                case .ended: return end()
                }
            }
        }
        end()
    }

    private func nextOrder() -> Order? {
        state.change { state in
            guard !state.isStopping else { return nil }
            if state.inForce < state.order.number { state.handedOut = state.nextReceipt }
            state.inForce = state.order.number
            return state.order
        }
    }

    private func end() {
        deliveries.finish()
        state.change { $0.inForce = .max }
    }

    /// Returns when something else is wanted.
    private func changed(_ order: Order) async {
        await state.wait { $0.isStopping || $0.order.number != order.number }
    }

    /// Cancels the body when something else is wanted, and waits for its end.
    private func unlessChanged(_ order: Order, _ body: @escaping @Sendable () async -> Void) async {
        await withTaskGroup(of: Void.self) { group in
            group.addTask { await body() }
            group.addTask { await self.changed(order) }
            await group.next()
            group.cancelAll()
        }
    }

    // MARK: One at a time

    /// Hands out one message, as soon as there is one that is due.
    private func takeOne() async {
        while !Task.isCancelled {
            do {
                // Closed when the delivery that came over it is settled.
                let channel = try await transport.consuming.withConnection { try await $0.openChannel() }
                while !Task.isCancelled {
                    guard let entry = try await next(on: channel) else {
                        try await Task.sleep(for: pollInterval)
                        continue
                    }
                    if await isDue(entry) { return await handOutAlone(entry) }
                }
            } catch {
                try? await Task.sleep(for: .milliseconds(500))
            }
        }
    }

    /// Returns when there is no message left, or one that is no suspect.
    private func examineAll() async {
        while !Task.isCancelled {
            do {
                // Closed when the last delivery that came over it is settled.
                let channel = try await transport.consuming.withConnection { try await $0.openChannel() }
                while let entry = try await next(on: channel) {
                    guard await examine(entry) else { return }
                }
                return
            } catch let error as AMQPError where error.isRetriable {
                try? await Task.sleep(for: .milliseconds(500))
            } catch {
                // The consumers meet it too, and know what to do.
                return
            }
        }
    }

    private func next(on channel: AMQPChannel) async throws(AMQPError) -> Unsettled? {
        for queue in [names.due, names.work] {
            guard let delivery = try await channel.get(queue) else { continue }
            var reader = MessageReader(exchange: names.exchange)
            return reader.read(delivery, from: queue)
        }
        return nil
    }

    /// Hands out one message, a suspect when it is alone; whether the next one is to be looked at like this too.
    private func examine(_ entry: Unsettled) async -> Bool {
        guard await isDue(entry) else { return !Task.isCancelled }
        await handOutAlone(entry)
        // Handled before others come, or there would be one more in hand than the prefetch allows.
        await state.wait { $0.unsettled.isEmpty }
        return suspicion.suspects(deliveryCount: entry.deliveryCount) && !Task.isCancelled
    }

    /// Hands out a message; a suspect after a while, when nothing else is in hand.
    private func handOutAlone(_ entry: Unsettled) async {
        guard suspicion.suspects(deliveryCount: entry.deliveryCount) else { return handOut(entry, isAlone: true) }
        let delay = suspicion.delay(deliveryCount: entry.deliveryCount)
        transport.logger.warning(
            "a message that has come back again and again is handled alone",
            metadata: [
                "service": "\(names.service)", "event_id": "\(entry.properties?.messageID ?? "-")",
                "delivery_count": "\(entry.deliveryCount)", "after": "\(delay)",
            ])
        await state.wait { $0.unsettled.isEmpty }
        try? await Task.sleep(for: delay)
        if Task.isCancelled {
            handBack(entry)
        } else {
            handOut(entry, isAlone: true)
        }
    }

    // MARK: Many at a time

    private enum End { case changed, suspect, ended }

    /// Consumes both queues, and says why that ended.
    private func takeMany(prefetch: UInt16, _ order: Order) async -> End {
        let sources = [names.work, names.due].map { transport.consuming.consume($0, prefetch: prefetch) }
        let isWanted = state.change { state in
            guard !state.isStopping, state.order.number == order.number else { return false }
            state.sources = sources
            state.mostPrefetch = max(state.mostPrefetch, Int(prefetch))
            state.hasSuspect = false
            return true
        }
        guard isWanted else { return .changed }
        await withDiscardingTaskGroup { pumps in
            for source in sources { pumps.addTask { await self.pump(source) } }
        }
        return state.change { state in
            state.sources = []
            if state.isStopping || state.order.number != order.number { return .changed }
            return state.hasSuspect ? .suspect : .ended
        }
    }

    /// Moves the deliveries of one queue to the worker until that queue's consumer is cancelled.
    private func pump(_ source: RecoveringDeliveries) async {
        // Handed back when nothing comes any more, or the broker would deliver them to us again at once.
        var handedBack: [Unsettled] = []
        await withDiscardingTaskGroup { timers in
            do {
                var reader = MessageReader(exchange: names.exchange)
                for try await batch in source.batches(upTo: Self.handedOutTogether) {
                    var ready: [Unsettled] = []
                    for delivery in batch {
                        let entry = reader.read(delivery, from: source.queue)
                        if suspicion.suspects(deliveryCount: entry.deliveryCount) {
                            handOut(ready)
                            ready = []
                            await endTakingMany()
                        }
                        if state.read({ $0.hasSuspect }) {
                            handedBack.append(entry)
                        } else if entry.retry.remaining() > .zero {
                            timers.addTask {
                                if await self.isDue(entry) { self.handOut(entry) }
                            }
                        } else {
                            ready.append(entry)
                        }
                    }
                    handOut(ready)
                }
            } catch {
                transport.logger.error(
                    "the consumer of a queue ended", metadata: ["queue": "\(source.queue)", "error": "\(error)"])
            }
            // Held copies are not ours any more once the consumer is cancelled: the broker keeps them for the next consumer.
            timers.cancelAll()
        }
        for entry in handedBack { handBack(entry) }
    }

    private func endTakingMany() async {
        let sources = state.change { state in
            defer { state.hasSuspect = true }
            return state.hasSuspect ? [] : state.sources
        }
        for source in sources { await source.cancel() }
    }

    // MARK: Early copies

    /// Waits until a copy is due, or sends it on to the largest rung that still fits; `false` if it is not ours any more.
    private func isDue(_ entry: Unsettled) async -> Bool {
        let remaining = entry.retry.remaining()
        guard remaining > .zero else { return true }
        switch transport.topology.rungs.hop(for: remaining) {
        case .due:
            return true
        case .timer(let rest):
            do {
                try await Task.sleep(for: rest)
                return true
            } catch {
                handBack(entry)
                return false
            }
        case .rung(let rung):
            await send(entry, to: rung)
            return false
        }
    }

    private func send(_ entry: Unsettled, to rung: Duration) async {
        let message = OutgoingMessage(
            exchange: names.exchange, routingKey: ServiceQueues.Key.retry(rung),
            properties: RepublishedCopy.properties(of: entry.properties, changes: []), body: entry.delivery.body)
        do throws(AMQPError) {
            try await copies.publish(message)
            entry.delivery.acknowledge()
        } catch {
            transport.logger.warning(
                "a waiting message could not be sent on and is held back",
                metadata: ["queue": "\(names.due)", "error": "\(error)"])
            await mend(error)
            // Held here for one smallest rung rather than spinning between the queue and us.
            try? await Task.sleep(for: transport.topology.rungs.delays.first ?? .seconds(1))
            handBack(entry)
        }
    }
}
