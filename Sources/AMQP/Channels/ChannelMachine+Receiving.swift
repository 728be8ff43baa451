import Logging
import NIOCore

/// Frames in: methods, and the content that follows some of them.
extension ChannelMachine {
    /// What a frame means for the channel as a whole.
    enum Disposition {
        case stays
        /// The channel is gone; its number is free.
        case gone(AMQPError?)
        /// The broker wants no content on it, or wants it again.
        case flow(isActive: Bool)
    }

    mutating func receive(_ method: InboundMethod, _ out: inout Output) throws(AMQPError) -> Disposition {
        // A channel.close may cut a message short; nothing else may come between its frames.
        guard content.isIdle || method.isClose else {
            throw AMQPError(
                .protocolViolation,
                "the broker sent \(method.name) on channel \(number) where content frames of a message were due",
                replyCode: 505)
        }
        switch method {
        case .basicDeliver(let info): try content.begin(.deliver(info))
        case .basicReturn(let info): try content.begin(.returned(info))
        case .basicGetOK(let info, _):
            guard answered(.basicGet, tag: nil) != nil else { throw unexpected("basic.get-ok") }
            try content.begin(.get(info))
        case .basicAck(let tag, let multiple): try confirm(tag, multiple, isAck: true, &out)
        case .basicNack(let tag, let multiple): try confirm(tag, multiple, isAck: false, &out)
        case .basicCancel(let tag): brokerCancelled(tag, &out)
        case .channelFlow(let active):
            // Nothing is sent on a channel after its close (AMQP 0-9-1 §1.5.2.5), and no content that could be stopped.
            if isClosing { return active ? .flow(isActive: true) : .stays }
            out.send(.channelFlowOK(active: active), channel: number)
            return .flow(isActive: active)
        case .reply(let reply, let kind): try answer(reply, kind, &out)
        case .channelClose(let payload):
            out.send(.channelCloseOK, channel: number)
            content.cutShort()
            // When both closes cross, the broker still answers ours, and the number is free only then.
            guard !isClosing else { return .stays }
            return .gone(AMQPError(.channelClosed, closedWith: payload))
        case .channelCloseOK:
            guard isClosing else { throw unexpected("channel.close-ok") }
            return .gone(nil)
        default:
            throw AMQPError(
                .protocolViolation,
                "the broker sent \(method.name), a method of the connection, on channel \(number)", replyCode: 503)
        }
        return .stays
    }

    /// Takes a content header or body; returns whether it brought the first delivery since the last flush.
    mutating func receiveContent(_ frame: Frame, _ out: inout Output) throws(AMQPError) -> Bool {
        let isHeader = frame.kind == .header
        return try receive(
            isHeader ? content.header(frame.payload, out.spareBodies) : content.body(frame.payload), &out)
    }

    /// Whether a body frame of so many bytes is due, so that it may be taken in parts.
    func expectsBody(of length: Int) -> Bool { content.expectsBody(of: length) }

    /// Takes a part of a body frame that is expected.
    mutating func receiveBodyPart(_ part: UnsafeRawBufferPointer) { content.take(part) }

    /// The body frame that was taken in parts is complete; returns as ``receiveContent(_:_:)`` does.
    mutating func endBody(_ out: inout Output) throws(AMQPError) -> Bool { try receive(content.endBody(), &out) }

    private mutating func receive(
        _ message: consuming ContentAssembly.Content?, _ out: inout Output
    ) throws(AMQPError) -> Bool {
        guard let message else { return false }
        let isFirst = withInbox.isEmpty
        try complete(message, &out)
        return isFirst && !withInbox.isEmpty
    }

    mutating func consumerIndex(_ tag: String) -> Int? {
        if lastConsumer < consumers.count, consumers[lastConsumer].tag == tag { return lastConsumer }
        guard let index = consumers.firstIndex(where: { $0.tag == tag }) else { return nil }
        lastConsumer = index
        return index
    }

    func unexpected(_ what: String) -> AMQPError {
        let expected = calls.first.map { "\($0.kind.rawValue) was next" } ?? "nothing was asked"
        return AMQPError(
            .protocolViolation, "the broker sent \(what) on channel \(number) where \(expected)", replyCode: 503)
    }

    /// Which of the waiting calls an answer belongs to.
    ///
    /// Answers come in the order of the calls, but for those to basic.consume and basic.cancel: RabbitMQ has the queue
    /// say them, so that what the channel itself answers overtakes them (a qos-ok was seen before the consume-ok that
    /// was due). They name the consumer.
    private func answered(_ kind: ReplyKind, tag: String?) -> CircularBuffer<Call>.Index? {
        guard let tag else {
            let next = calls.firstIndex { $0.consumerTag == nil }
            return next.flatMap { calls[$0].kind == kind ? $0 : nil }
        }
        return calls.firstIndex { $0.kind == kind && $0.consumerTag == tag }
    }

    private mutating func answer(_ reply: Reply, _ kind: ReplyKind, _ out: inout Output) throws(AMQPError) {
        let tag: String? = if case .tag(let tag) = reply { tag } else { nil }
        guard let place = answered(kind, tag: tag) else { throw unexpected(kind.rawValue) }
        let call = calls.remove(at: place)
        if let tag, kind == .basicCancelOK {
            finishConsumer(tag, consumerIndex(tag).flatMap { consumers[$0].end }, &out)
        }
        if let tag, kind == .basicConsumeOK { begun(tag, &out) }
        switch call.listener {
        case .waiting(let waiter): out.effects.append(.reply(waiter, .success(reply)))
        case .abandoned: if let tag, kind == .basicConsumeOK { cancelUnwanted(tag, &out) }
        case .silent: break
        }
    }

    /// Ends a consumer that nobody waited for any more when it began.
    ///
    /// Not before it began: RabbitMQ confirms a consumer by a message from the channel to itself, and a cancel that
    /// overtakes that makes the channel fail and the connection end (541; seen with 3.10).
    private mutating func cancelUnwanted(_ tag: String, _ out: inout Output) {
        guard !isClosing else { return }
        call(.basicCancel(tag: tag), Call(id: 0, kind: .basicCancelOK, listener: .silent, consumerTag: tag), &out)
    }

    private mutating func confirm(
        _ tag: UInt64, _ multiple: Bool, isAck: Bool, _ out: inout Output
    ) throws(AMQPError) {
        let isKnown = confirms.confirm(tag: tag, multiple: multiple, isAck: isAck) { waiter, outcome in
            out.complete(waiter, AMQPError(outcome))
        }
        guard hasConfirms, isKnown else {
            throw AMQPError(
                .protocolViolation,
                "the broker sent \(isAck ? "basic.ack" : "basic.nack") for publish \(tag) on channel \(number), "
                    + "which was never sent",
                replyCode: 503)
        }
    }

    private mutating func complete(_ content: consuming ContentAssembly.Content, _ out: inout Output) throws(AMQPError)
    {
        func message(_ info: DeliveryInfo) -> ReceivedMessage {
            ReceivedMessage(
                info: info, properties: content.properties, body: content.body, bodySize: content.size,
                spareBodies: content.size < SpareBodies.smallest ? nil : out.spareBodies)
        }
        switch content.purpose {
        case .deliver(let info): try deliver(message(info), &out)
        case .get(let info):
            mostUnsettled = mostUnsettled.map { $0 + 1 }
            try note(info.deliveryTag)
            guard let place = answered(.basicGet, tag: nil) else { throw unexpected("basic.get-ok") }
            guard case .waiting(let waiter) = calls.remove(at: place).listener else {
                return release(info.deliveryTag, &out)
            }
            out.effects.append(.reply(waiter, .success(.message(message(info)))))
        case .returned(let info): returned(info, content, &out)
        }
    }

    private mutating func returned(_ info: ReturnInfo, _ content: ContentAssembly.Content, _ out: inout Output) {
        let key = content.properties.withUnsafeBytes { properties in
            ReturnKey(
                exchange: info.exchange, routingKey: info.routingKey,
                messageID: (try? BasicProperties(encoded: properties))?.messageID, properties: properties,
                body: content.body)
        }
        let isKnown = confirms.markReturned(key, code: info.code, text: info.explanation)
        if !isKnown {
            out.effects.append(
                .log(.warning, "a message was given back: \(info.explanation)"))
        }
    }
}

extension InboundMethod {
    fileprivate var isClose: Bool {
        if case .channelClose = self { true } else { false }
    }
}

extension AMQPError {
    init?(_ outcome: PublishOutcome) {
        switch outcome {
        case .confirmed: return nil
        case .nacked:
            self.init(
                .nacked,
                "the broker could not store the message: its queue may be full or have lost its leader; publish again later"
            )
        case .returned(let code, let text): self.init(.returned, text, replyCode: code)
        }
    }
}
