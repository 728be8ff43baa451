import Logging
import NIOCore

extension ConnectionMachine {
    mutating func receiveOnConnection(_ method: InboundMethod, now: NIODeadline) throws(AMQPError) {
        switch (method, phase) {
        case (.connectionStart(let major, let minor, let properties, let mechanisms), .start):
            try start(major, minor, properties, mechanisms)
        case (.connectionSecure, .tune):
            throw AMQPError(
                .authenticationRefused, "the broker asks for a SASL challenge, which PLAIN and EXTERNAL lack")
        case (.connectionTune(let channelMax, let frameMax, let heartbeat), .tune):
            try tune(channelMax, frameMax, heartbeat, now: now)
        case (.connectionOpenOK, .openOK):
            phase = .open
            if let openWaiter { out.effects.append(.opened(openWaiter, .success(()))) }
            openWaiter = nil
        case (.connectionClose(let payload), _): closedByBroker(payload)
        case (.connectionCloseOK, .closing): finish(nil)
        case (.connectionBlocked(let reason), .open), (.connectionBlocked(let reason), .closing):
            let words = BrokerReply.printable(reason)
            blockedReason = words
            blockedSince = blockedSince ?? now
            out.effects.append(.log(.warning, "the broker blocks publishing: \(words)"))
        case (.connectionUnblocked, .open), (.connectionUnblocked, .closing):
            unblock(now: now)
            out.effects.append(.log(.notice, "the broker takes publishes again"))
            openGate()
        default:
            throw AMQPError(
                .protocolViolation, "the broker sent \(method.name) on channel 0, where \(expected)", replyCode: 503)
        }
    }

    mutating func unblock(now: NIODeadline) {
        blockedReason = nil
        if let blockedSince { blockedBefore = blockedBefore + (now - blockedSince) }
        blockedSince = nil
    }

    private var expected: String {
        switch phase {
        case .start: "connection.start was due"
        case .tune: "connection.tune was due"
        case .openOK: "connection.open-ok was due"
        case .open, .closing, .over: "it has no place"
        }
    }

    private mutating func start(
        _ major: UInt8, _ minor: UInt8, _ properties: FieldTable, _ mechanisms: String
    ) throws(AMQPError) {
        guard major == 0, minor == 9 else {
            throw AMQPError(.protocolViolation, "the broker speaks AMQP \(major)-\(minor), not 0-9")
        }
        serverProperties = properties
        let mechanism: String
        let response: [UInt8]
        switch configuration.credentials {
        case .plain(let username, let password):
            mechanism = "PLAIN"
            response = [0] + username.utf8 + [0] + password.utf8
        case .external:
            mechanism = "EXTERNAL"
            response = []
        }
        guard mechanisms.split(separator: " ").contains(where: { $0 == mechanism }) else {
            let offered = BrokerReply.printable(mechanisms, bytes: 120)
            throw AMQPError(.authenticationRefused, "the broker does not offer \(mechanism), only: \(offered)")
        }
        let method = OutboundMethod.connectionStartOK(
            properties: clientProperties, mechanism: mechanism, response: response)
        try out.frames.write(method, channel: 0)
        phase = .tune
    }

    private var clientProperties: FieldTable {
        var properties: FieldTable = [
            "product": "harebell", "version": "0.1", "platform": "Swift",
            "capabilities": .table([
                "publisher_confirms": true, "consumer_cancel_notify": true, "basic.nack": true,
                "connection.blocked": true, "authentication_failure_close": true, "exchange_exchange_bindings": true,
            ]),
        ]
        if let name = configuration.connectionName { properties["connection_name"] = .string(name) }
        return properties
    }

    private mutating func tune(
        _ channelMax: UInt16, _ frameMax: UInt32, _ interval: UInt16, now: NIODeadline
    ) throws(AMQPError) {
        // Zero means that the peer sets no limit.
        guard frameMax == 0 || frameMax >= CodecLimits.minimumFrameMax else {
            throw AMQPError(
                .protocolViolation, "the broker asks for frames of \(frameMax) bytes, below the minimum of 4096",
                replyCode: 501)
        }
        let frames = frameMax == 0 ? configuration.frameMax : min(frameMax, configuration.frameMax)
        let most = configuration.channelMax == 0 ? UInt16.max : configuration.channelMax
        let channels = channelMax == 0 ? most : min(channelMax, most)
        let seconds = HeartbeatClock.negotiate(ours: configuration.heartbeat, theirs: interval)
        out.frames.frameMax = Int(frames)
        scanner = FrameScanner(frameMax: Int(frames), channelMax: channels)
        if seconds > 0 { heartbeat = HeartbeatClock(seconds: Int64(seconds), now: now) }
        // The open does not wait for anything: both leave in one write.
        out.send(.connectionTuneOK(channelMax: channels, frameMax: frames, heartbeat: seconds), channel: 0)
        try out.frames.write(.connectionOpen(virtualHost: configuration.virtualHost), channel: 0)
        phase = .openOK
    }

    private mutating func closedByBroker(_ payload: ClosePayload) {
        out.send(.connectionCloseOK, channel: 0)
        switch phase {
        case .closing: finish(nil)
        case .start, .tune, .openOK:
            let isLogin = payload.code == 403 || payload.code == 530
            finish(AMQPError(isLogin ? .authenticationRefused : .connectionFailed, closedWith: payload))
        default: finish(AMQPError(.connectionClosed, closedWith: payload))
        }
    }

    // MARK: Closing

    /// Says goodbye; `waiter` is told when the connection is over, at the deadline at the latest.
    ///
    /// Closing again with an earlier deadline makes it shorter.
    mutating func close(_ waiter: Waiter<AMQPError?>, deadline: NIODeadline) {
        switch phase {
        case .over(let error): return out.effects.append(.closed(waiter, error))
        case .closing: break
        case .open:
            flushAcknowledgements()
            out.send(.connectionClose(ClosePayload(code: 200, text: "closed by the client")), channel: 0)
            phase = .closing
            channelChanges.append(.allEnded)
        case .start, .tune, .openOK:
            finish(nil)
            return out.effects.append(.closed(waiter, nil))
        }
        closeWaiters.append((0, waiter))
        closeDeadline = closeDeadline.map { min($0, deadline) } ?? deadline
        noteDeadline(deadline)
        // Whoever waits for the gate would wait for ever.
        let cause = AMQPError(.closed, "the connection was closed")
        while let entry = gated.popFirst() { out.complete(entry.publication.waiter, cause) }
        wantWake()
    }

    mutating func waitUntilClosed(_ id: UInt64, _ waiter: Waiter<AMQPError?>, isCancelled: Bool) {
        if case .over(let error) = phase {
            out.effects.append(.closed(waiter, error))
        } else if isCancelled {
            out.effects.append(.closed(waiter, AMQPError(.cancelled, "the task that waited was cancelled")))
        } else {
            closeWaiters.append((id, waiter))
        }
    }

    mutating func cancelWaitUntilClosed(_ id: UInt64) {
        guard let index = closeWaiters.firstIndex(where: { $0.id == id }) else { return }
        let waiter = closeWaiters.remove(at: index).waiter
        out.effects.append(.closed(waiter, AMQPError(.cancelled, "the task that waited was cancelled")))
    }
}

extension HeartbeatClock {
    /// The interval in seconds: the smaller of both, ours if the broker sets none, none if we want none.
    static func negotiate(ours: Duration, theirs: UInt16) -> UInt16 {
        guard ours > .zero else { return 0 }
        let (seconds, rest) = ours.components
        let wanted = UInt16(clamping: seconds + (rest > 0 ? 1 : 0))
        return theirs == 0 ? wanted : min(wanted, theirs)
    }
}
