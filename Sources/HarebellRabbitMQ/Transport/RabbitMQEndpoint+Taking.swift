import AMQP
@_spi(HarebellTransports) import Harebell
import Logging

/// Takes messages from both queues: many at a time, or one when it may be deadly or is a probe, or none.
///
/// ```
///        of each queue a message that is no suspect is handled, or there is none
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
    /// How long an early copy is held at most, for brokers close a channel that keeps a message for half an hour.
    static var longestEarly: Duration { .seconds(600) }
    /// How long an empty queue is left alone when a single message is wanted.
    private var pollInterval: Duration { .milliseconds(250) }

    /// Takes messages until ``RabbitMQEndpoint/stop()``, or until the broker refuses to let us begin.
    func run() async {
        await withDiscardingTaskGroup { group in
            group.addTask { await self.handBacks.run() }
            await takeAsOrdered()
            group.cancelAll()
        }
    }

    private func takeAsOrdered() async {
        var hasConsumed = false
        var pause: Duration = .seconds(1)
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
                case .changed:
                    hasConsumed = true
                case .refused:
                    // What was there before may come again: a queue that is made anew, an authority that was away.
                    guard hasConsumed else { return end() }
                    let wait = pause
                    pause = min(pause * 2, .seconds(30))
                    await unlessChanged(order) { try? await Task.sleep(for: wait) }
                case .suspect:
                    (hasConsumed, pause) = (true, .seconds(1))
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

    /// Returns when the next message of each queue is no suspect, or there is none.
    ///
    /// Of each: many at a time would bring back the suspects of one queue, and count all that follow it, when the other
    /// gave a message that is none.
    private func examineAll() async {
        var suspected: Set<String> = [names.due, names.work]
        while !Task.isCancelled {
            do {
                // Closed when the last delivery that came over it is settled.
                let channel = try await transport.consuming.withConnection { try await $0.openChannel() }
                while !suspected.isEmpty {
                    for queue in [names.due, names.work] {
                        if let entry = try await next(from: queue, on: channel), await examine(entry) {
                            suspected.insert(queue)
                        } else {
                            suspected.remove(queue)
                        }
                        if Task.isCancelled { return }
                    }
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
            if let entry = try await next(from: queue, on: channel) { return entry }
        }
        return nil
    }

    private func next(from queue: String, on channel: AMQPChannel) async throws(AMQPError) -> Unsettled? {
        guard let delivery = try await channel.get(queue) else { return nil }
        var reader = MessageReader(exchange: names.exchange)
        return reader.read(delivery, from: queue)
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

    private enum End { case changed, suspect, refused, ended }

    /// Consumes both queues, and says why that ended.
    private func takeMany(prefetch: UInt16, _ order: Order) async -> End {
        let sources = [names.work, names.due].map { transport.consuming.consume($0, prefetch: prefetch) }
        let isWanted = state.change { state in
            guard !state.isStopping, state.order.number == order.number else { return false }
            state.sources = sources
            state.mostPrefetch = max(state.mostPrefetch, Int(prefetch))
            state.hasSuspect = false
            state.isRefused = false
            return true
        }
        guard isWanted else { return .changed }
        await withDiscardingTaskGroup { pumps in
            for source in sources { pumps.addTask { await self.pump(source) } }
        }
        return state.change { state in
            state.sources = []
            if state.isStopping || state.order.number != order.number { return .changed }
            return state.hasSuspect ? .suspect : state.isRefused ? .refused : .ended
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
                // One queue alone is not the service: neither goes on without the other.
                for source in state.change({ state in
                    state.isRefused = true
                    return state.sources
                }) { await source.cancel() }
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
    ///
    /// A copy that cannot be sent on stays here and is tried again: handed back it would come at once, each time one
    /// nearer to the delivery limit. Only after ``longestEarly`` it goes back.
    private func isDue(_ entry: Unsettled) async -> Bool {
        let end = ContinuousClock.now + Self.longestEarly
        var pause: Duration = .seconds(1)
        // What was not read whole cannot be copied: it is poison, and left to the broker.
        while !entry.delivery.isTruncated {
            let wait: Duration
            switch transport.topology.rungs.hop(for: entry.retry.remaining()) {
            case .due:
                return true
            case .timer(let rest):
                wait = rest
            case .rung(let rung):
                // Delivered again by itself, and sent on then.
                guard entry.delivery.isCurrent else { return false }
                if await send(entry, to: rung) { return false }
                wait = pause
                pause = min(pause * 2, .seconds(30))
            }
            do {
                if ContinuousClock.now + wait > end { throw CancellationError() }
                try await Task.sleep(for: wait)
            } catch {
                handBack(entry)
                return false
            }
        }
        return true
    }

    /// Whether the copy that goes on is durable and the early one acknowledged.
    private func send(_ entry: Unsettled, to rung: Duration) async -> Bool {
        let message = OutgoingMessage(
            exchange: names.exchange, routingKey: ServiceQueues.Key.retry(rung),
            properties: RepublishedCopy.properties(of: entry.properties, changes: []), body: entry.delivery.body)
        do throws(AMQPError) {
            try await copies.publish(message)
            entry.delivery.acknowledge()
            return true
        } catch {
            // Delivered again by itself, and sent on then.
            guard entry.delivery.isCurrent else { return true }
            transport.logger.warning(
                "a waiting message could not be sent on and is held",
                metadata: ["queue": "\(names.due)", "error": "\(error)"])
            await mend(error)
            return false
        }
    }
}
