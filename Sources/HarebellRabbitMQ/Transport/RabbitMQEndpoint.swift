import AMQP
@_spi(HarebellTransports) public import Harebell

/// A service's end of the broker: its work queue and its due queue, and the way to its retries and dead letters.
///
/// A delivery is in exactly one place:
/// ```
/// broker ──► held by a timer (early, rest below the smallest rung) ──► handed out ──► acknowledge | release
///        ├─► sent on to a rung (early), acknowledged                             ├─► retry:      copy confirmed ──► ack
///        └─► handed back, to come again alone (suspect)                          └─► deadLetter: copy confirmed ──► ack
/// ```
/// A copy is confirmed before its original is acknowledged, so a crash in between leaves two, never none.
public final class RabbitMQEndpoint: TransportEndpoint {
    /// The deliveries of both queues, as they come; ends after ``stop()``.
    public let deliveries = RabbitMQDeliveries()

    let names: ServiceQueues
    let topology: Topology
    let transport: RabbitMQTransport
    let copies: AMQPPublisher
    /// Of the work queue: what comes out of the due queue has no order to keep.
    let handBacks: HandBacks
    let state: Watched<State>

    struct State {
        var nextReceipt: UInt64 = 0
        var unsettled: [UInt64: Unsettled] = [:]
        var isStopping = false
        /// How messages are to be taken.
        var order: Order
        /// The order that is being carried out, nothing of former ones being left; after the last it is beyond all.
        var inForce = 0
        /// How many deliveries had been handed out when it came into force.
        var handedOut: UInt64 = 0
        /// The consumers, while many messages are taken at a time.
        var sources: [RecoveringDeliveries] = []
        /// Whether one of them has brought a suspect.
        var hasSuspect = false
        /// Whether the broker has refused one of them.
        var isRefused = false
        /// The largest prefetch so far.
        var mostPrefetch = 0
        /// Over which the last delivery to a consumer of each queue came; kept open by this until the end.
        var channels: [String: AMQPChannel] = [:]
    }

    /// A way to take messages, with its place among all that were asked for.
    struct Order: Sendable {
        var number: Int
        var taking: Taking
    }

    init(description: EndpointDescription, topology: Topology, transport: RabbitMQTransport) {
        self.topology = topology
        self.transport = transport
        names = ServiceQueues(service: description.service)
        handBacks = HandBacks(queue: names.work)
        state = Watched(State(order: Order(number: 0, taking: .many(prefetch: description.prefetch))))
        // Copies have a channel of their own: a closed one fails no event that is being published.
        copies = transport.publishing.makePublisher()
    }

    func handOut(_ entry: Unsettled, isAlone: Bool = false) { handOut([entry], isAlone: isAlone) }

    /// Hands out what has arrived together, in its order.
    /// - Parameter isAlone: whether nothing else is handed out until it is settled.
    func handOut(_ entries: [Unsettled], isAlone: Bool = false) {
        guard !entries.isEmpty else { return }
        var receipt = state.change { state in
            for entry in entries {
                state.nextReceipt += 1
                state.unsettled[state.nextReceipt] = entry
            }
            if !isAlone, let last = entries.last { state.channels[last.queue] = last.delivery.channel }
            return state.nextReceipt - UInt64(entries.count)
        }
        deliveries.put(
            entries.map { entry in
                receipt += 1
                return TransportDelivery(
                    receipt: DeliveryReceipt(epoch: 0, tag: receipt),
                    content: entry.content,
                    attempts: entry.retry.attempts,
                    unhandledCount: entry.retry.unhandledCount,
                    deliveryCount: entry.deliveryCount,
                    isRedelivered: entry.delivery.isRedelivered,
                    firstFailedAt: entry.retry.firstFailedAt,
                    replayCount: entry.retry.replayCount,
                    size: entry.delivery.body.count,
                    comesAlone: isAlone)
            })
    }

    /// Settles a delivery, if that was not done, before those who wait for its end hear of it.
    func settle(_ delivery: TransportDelivery, _ body: (Unsettled) -> Void) {
        let tag = delivery.receipt.tag
        state.change { state in
            if let entry = state.unsettled.removeValue(forKey: tag) { body(entry) }
        }
    }

    /// Whether the channel that the delivery came over is open.
    public func isCurrent(_ delivery: TransportDelivery) -> Bool {
        state.read { $0.unsettled[delivery.receipt.tag]?.delivery.isCurrent ?? false }
    }

    /// Acknowledges a delivery whose outcome is durable.
    public func acknowledge(_ delivery: TransportDelivery) {
        settle(delivery) { entry in
            // One whose channel is gone comes again, and is told then.
            if entry.delivery.acknowledge(), entry.retry.canary != nil { report(.handled, of: entry) }
        }
    }

    /// Hands a delivery back to its queue; not an attempt.
    public func release(_ delivery: TransportDelivery) {
        settle(delivery, handBack)
    }

    /// Hands back what is not settled, behind all that was handed back to its queue before.
    func handBack(_ entry: Unsettled) {
        if entry.queue == names.work {
            handBacks.handBack(entry.delivery)
        } else {
            entry.delivery.nack(requeue: true)
        }
    }

    /// Changes how messages are taken: cancels the consumers, if there are any, and waits for their end.
    ///
    /// What they have brought comes out of ``deliveries``, and early copies that were held for their time are back in
    /// their queue. A new prefetch means new consumers under new tags, for `basic.qos` says nothing to those there are.
    @discardableResult
    public func take(_ taking: Taking) async -> Int {
        let (order, sources) = state.change { state in
            state.order = Order(number: state.order.number + 1, taking: taking)
            return (state.order.number, state.sources)
        }
        for source in sources { await source.cancel() }
        await state.wait { $0.inForce >= order || $0.isStopping }
        return state.read { Int(clamping: $0.handedOut) }
    }

    /// Cancels the consumers; deliveries end once what is buffered was handed out.
    public func stop() async {
        let sources = state.change { state in
            state.isStopping = true
            return state.sources
        }
        for source in sources { await source.cancel() }
    }

    /// Hands back what was never settled, oldest first, so that the queue's order stays; returns when the queue has it,
    /// or after a second without an answer.
    public func close() async {
        let rest = state.change { state in
            defer { state.unsettled.removeAll() }
            return state.unsettled.sorted { $0.key < $1.key }.map(\.value)
        }
        for entry in rest { handBack(entry) }
        // A broker that does not answer must not prolong the shutdown: what it was not told comes again.
        await withTaskGroup(of: Void.self) { group in
            group.addTask {
                await self.handBacks.settled()
                await self.applied()
            }
            group.addTask { try? await Task.sleep(for: Self.longestApplying) }
            await group.next()
            group.cancelAll()
        }
        await copies.close()
    }

    /// Waits until the queues have all that was settled, or until the task is cancelled.
    ///
    /// RabbitMQ forgets what was settled just before a channel is closed, beyond the 32 settlements that a channel sends
    /// at a time, and delivers it again. A consumer that was cancelled is counted until its last message is settled at
    /// the queue. (Other replicas are counted, too: when all is applied at once, the wait is in vain.)
    private func applied() async {
        let channels = state.change { state in
            defer { state.channels = [:] }
            return state.mostPrefetch > Self.settledAtOnce ? state.channels : [:]
        }
        for (queue, channel) in channels {
            func consumers() async -> UInt32 {
                (try? await channel.declareQueue(queue, passive: true).consumerCount) ?? 0
            }
            let before = await consumers()
            var now = before
            while now > 0, now >= before {
                guard (try? await Task.sleep(for: .milliseconds(5))) != nil else { return }
                now = await consumers()
            }
        }
    }

    private static let settledAtOnce = 32
    private static let longestApplying: Duration = .seconds(1)
}
