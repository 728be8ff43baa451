extension ChannelMachine {
    /// Registers a consumer and asks for its deliveries; the tag is ours, so that none can precede the registration.
    mutating func consume(
        _ queue: String, tag: String, prefetch: UInt16, exclusive: Bool, arguments: FieldTable,
        to deliveries: DeliveryQueue, _ call: Call, _ out: inout Output
    ) {
        let method = OutboundMethod.basicConsume(queue: queue, tag: tag, exclusive: exclusive, arguments: arguments)
        do {
            // What cannot be encoded must not leave its basic.qos behind.
            _ = try method.measure()
        } catch {
            if case .waiting(let waiter) = call.listener { out.effects.append(.reply(waiter, .failure(error))) }
            return
        }
        self.call(.basicQos(prefetch: prefetch), Call(id: 0, kind: .basicQosOK, listener: .silent), &out)
        let waiting = calls.count
        self.call(method, call, &out)
        guard calls.count > waiting else { return }
        consumers.append(Consumer(tag: tag, queue: deliveries))
        mostUnsettled = prefetch == 0 ? nil : mostUnsettled.map { $0 + 4 * Int(prefetch) }
    }

    /// Notes that a tag is ours to settle.
    mutating func note(_ tag: UInt64) throws(AMQPError) {
        guard window.deliver(tag) else {
            throw AMQPError(
                .protocolViolation, "the broker sent delivery tag \(tag) on channel \(number) out of order",
                replyCode: 503)
        }
        if let mostUnsettled, window.outstanding > mostUnsettled {
            throw AMQPError(
                .protocolViolation,
                "the broker delivered \(window.outstanding) unsettled messages on channel \(number), far more than the "
                    + "prefetch of its consumers", replyCode: 506)
        }
    }

    mutating func deliver(_ message: ReceivedMessage, _ out: inout Output) throws(AMQPError) {
        let tag = message.info.consumerTag
        try note(message.info.deliveryTag)
        guard let index = consumerIndex(tag), consumers[index].queue != nil, !isClosing else {
            return release(message.info.deliveryTag, &out)
        }
        if consumers[index].inbox.isEmpty { withInbox.append(tag) }
        consumers[index].inbox.append(message)
    }

    /// Gives a delivery back that nobody here wants.
    mutating func release(_ tag: UInt64, _ out: inout Output) {
        guard window.settle(tag), !isClosing else { return }
        out.send(.basicNack(tag: tag, requeue: true), channel: number)
    }

    /// Hands over what arrived in this read, one batch per consumer.
    mutating func flushDeliveries(_ out: inout Output, _ outcome: inout ReadOutcome) {
        guard !withInbox.isEmpty else { return }
        for tag in withInbox { outcome.deliveries += flushInbox(tag, &out) }
        // The limit allows four times the prefetch, and some.
        if let mostUnsettled, window.outstanding * 8 >= mostUnsettled - Self.surplus { outcome.isBrokerWaiting = true }
        withInbox.removeAll(keepingCapacity: true)
    }

    /// The consumer has begun: what came before is handed over.
    mutating func begun(_ tag: String, _ out: inout Output) {
        guard let index = consumerIndex(tag) else { return }
        consumers[index].hasBegun = true
        flushInbox(tag, &out)
    }

    @discardableResult
    mutating func flushInbox(_ tag: String, _ out: inout Output) -> Int {
        guard let index = consumerIndex(tag), consumers[index].hasBegun, !consumers[index].inbox.isEmpty else {
            return 0
        }
        let inbox = consumers[index].inbox
        consumers[index].inbox = []
        // About as many are to come with the next read.
        consumers[index].inbox.reserveCapacity(min(inbox.count, 1024))
        if let queue = consumers[index].queue { out.effects.append(.deliver(queue, inbox)) }
        return inbox.count
    }

    mutating func brokerCancelled(_ tag: String, _ out: inout Output) {
        finishConsumer(tag, AMQPError(.consumerCancelled, "the broker cancelled the consumer \(tag)"), &out)
    }

    /// Ends a consumer after what has arrived for it.
    mutating func finishConsumer(_ tag: String, _ error: AMQPError?, _ out: inout Output) {
        flushInbox(tag, &out)
        guard let index = consumerIndex(tag) else { return }
        let consumer = consumers.remove(at: index)
        // Of one that never began, nobody will hear of what came.
        for message in consumer.inbox { release(message.info.deliveryTag, &out) }
        if let queue = consumer.queue { out.effects.append(.finish(queue, error)) }
    }

    // MARK: Settling

    enum Settlement: Sendable, Equatable {
        case acknowledge
        case nack(requeue: Bool)
        case reject(requeue: Bool)
    }

    /// Notes acks, which wait for the next batch, to be said with others.
    mutating func acknowledge(_ tags: ClosedRange<UInt64>) {
        guard !isClosing else { return }
        for tag in tags { _ = window.acknowledge(tag) }
    }

    /// Settles a delivery; false if it was settled before.
    mutating func settle(_ tag: UInt64, _ settlement: Settlement, _ out: inout Output) -> Bool {
        guard !isClosing else { return false }
        switch settlement {
        case .acknowledge: return window.acknowledge(tag)
        case .nack(let requeue):
            guard window.settle(tag) else { return false }
            out.send(.basicNack(tag: tag, requeue: requeue), channel: number)
        case .reject(let requeue):
            guard window.settle(tag) else { return false }
            out.send(.basicReject(tag: tag, requeue: requeue), channel: number)
        }
        return true
    }

    mutating func flushAcknowledgements(_ out: inout Output) {
        guard !isClosing else { return }
        window.flush { tag, multiple in out.send(.basicAck(tag: tag, multiple: multiple), channel: number) }
    }
}
