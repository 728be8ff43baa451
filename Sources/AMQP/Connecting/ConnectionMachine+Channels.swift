import Logging
import NIOCore

/// Names a channel for good; the number alone is reused.
struct ChannelID: Sendable, Hashable {
    var number: UInt16
    var epoch: UInt64
}

extension ConnectionMachine {
    /// Opens a channel on the lowest free number, with confirms in the same write.
    ///
    /// - Returns: the channel, or `nil` after the waiter was refused.
    mutating func openChannel(
        confirms: Bool, id: UInt64, _ waiter: Waiter<Result<Reply, AMQPError>>, deadline: NIODeadline,
        isCancelled: Bool
    ) -> ChannelID? {
        if let error = refusal ?? Self.cancellation(isCancelled) {
            out.effects.append(.reply(waiter, .failure(error)))
            return nil
        }
        let index = channels.indices.dropFirst().first { channels[$0] == nil } ?? channels.count
        guard index <= Int(scanner.channelMax), let number = UInt16(exactly: index) else {
            let error = AMQPError(.invalidArgument, "all \(scanner.channelMax) channels of the connection are in use")
            out.effects.append(.reply(waiter, .failure(error)))
            return nil
        }
        if index == channels.count { channels.append(nil) }
        lastEpoch += 1
        var channel = ChannelMachine(
            number: number, epoch: lastEpoch, hasConfirms: confirms, maximumBodySize: configuration.maximumBodySize)
        var call = ChannelMachine.Call(
            id: id, kind: .channelOpenOK, listener: confirms ? .silent : .waiting(waiter), deadline: deadline)
        channel.call(.channelOpen, call, &out)
        if confirms {
            call.kind = .confirmSelectOK
            call.listener = .waiting(waiter)
            channel.call(.confirmSelect, call, &out)
        }
        channels[index] = channel
        channelChanges.append(.opened(ChannelID(number: number, epoch: lastEpoch)))
        noteDeadline(deadline)
        wantWake()
        return ChannelID(number: number, epoch: lastEpoch)
    }

    static func cancellation(_ isCancelled: Bool) -> AMQPError? {
        isCancelled ? AMQPError(.cancelled, "the task was cancelled; nothing was sent") : nil
    }

    /// The index of a channel if it is still the one meant.
    func index(of id: ChannelID) -> Int? {
        let index = Int(id.number)
        guard index < channels.count, channels[index]?.epoch == id.epoch else { return nil }
        return index
    }

    func isOpen(_ id: ChannelID) -> Bool {
        guard case .open = phase, let index = index(of: id) else { return false }
        return channels[index]?.isClosing == false
    }

    /// Why a channel can take no calls; `nil` if it can.
    func refusal(_ id: ChannelID) -> AMQPError? {
        if let index = index(of: id), channels[index]?.isClosing == false { return refusal }
        if let error = ended[id.epoch] ?? nil { return error }
        return AMQPError(.closed, "the channel was closed")
    }

    /// Sends a method whose answer `waiter` gets, behind what was acknowledged before.
    mutating func call(
        _ method: OutboundMethod, answeredBy kind: ReplyKind, on id: ChannelID, callID: UInt64,
        _ waiter: Waiter<Result<Reply, AMQPError>>, deadline: NIODeadline, isCancelled: Bool
    ) {
        guard let index = admit(id, waiter, isCancelled) else { return }
        let tag: String? = if case .basicCancel(let tag) = method { tag } else { nil }
        let call = ChannelMachine.Call(
            id: callID, kind: kind, listener: .waiting(waiter), deadline: deadline, consumerTag: tag)
        channels[index]?.flushAcknowledgements(&out)
        channels[index]?.call(method, call, &out)
        noteDeadline(deadline)
        wantWake()
    }

    /// Starts a consumer.
    mutating func consume(
        _ queue: String, tag: String, prefetch: UInt16, exclusive: Bool, arguments: FieldTable,
        to deliveries: DeliveryQueue, on id: ChannelID, callID: UInt64, _ waiter: Waiter<Result<Reply, AMQPError>>,
        deadline: NIODeadline, isCancelled: Bool
    ) {
        guard let index = admit(id, waiter, isCancelled) else { return }
        let call = ChannelMachine.Call(
            id: callID, kind: .basicConsumeOK, listener: .waiting(waiter), deadline: deadline, consumerTag: tag)
        channels[index]?.consume(
            queue, tag: tag, prefetch: prefetch, exclusive: exclusive, arguments: arguments, to: deliveries, call,
            &out)
        channelChanges.append(.consumes(id.number, prefetch: prefetch))
        noteDeadline(deadline)
        wantWake()
    }

    private mutating func admit(
        _ id: ChannelID, _ waiter: Waiter<Result<Reply, AMQPError>>, _ isCancelled: Bool
    ) -> Int? {
        if let error = refusal(id) ?? Self.cancellation(isCancelled) {
            out.effects.append(.reply(waiter, .failure(error)))
            return nil
        }
        return index(of: id)
    }

    /// The task that waits for a call was cancelled.
    mutating func cancelCall(_ callID: UInt64, on number: UInt16?) {
        let error = AMQPError(.cancelled, "the task was cancelled; whether the broker did it is unknown")
        for index in channels.indices where number.map({ Int($0) == index }) ?? true {
            channels[index]?.abandon(error, &out) { id, _ in id == callID }
        }
        wantWake()
    }

    // MARK: Closing

    /// Closes a channel; `waiter` is told when the broker has answered, or the deadline passed.
    mutating func closeChannel(_ id: ChannelID, _ waiter: ChannelMachine.CloseWaiter?) {
        guard let index = index(of: id), !isOver else {
            if let waiter { out.effects.append(.closed(waiter.waiter, ended[id.epoch] ?? nil)) }
            return
        }
        if let waiter {
            channels[index]?.closeWaiters.append(waiter)
            noteDeadline(waiter.deadline)
        }
        if case .open = phase { channels[index]?.close(&out) }
        channelChanges.append(.ended(id.number))
        wantWake()
    }

    /// The handle of a channel is gone: nobody can use or ask about it any more.
    mutating func forget(_ id: ChannelID) {
        ended[id.epoch] = nil
        guard let index = index(of: id) else { return }
        channels[index]?.isOrphan = true
        closeChannel(id, nil)
    }

    mutating func waitUntilClosed(_ id: ChannelID, _ waiter: ChannelMachine.CloseWaiter, isCancelled: Bool) {
        guard let index = index(of: id) else {
            return out.effects.append(.closed(waiter.waiter, ended[id.epoch] ?? nil))
        }
        if let error = Self.cancellation(isCancelled) { return out.effects.append(.closed(waiter.waiter, error)) }
        channels[index]?.closeWaiters.append(waiter)
    }

    mutating func cancelWaitUntilClosed(_ id: ChannelID, waiterID: UInt64) {
        guard let index = index(of: id),
            let place = channels[index]?.closeWaiters.firstIndex(where: { $0.id == waiterID }),
            let waiter = channels[index]?.closeWaiters.remove(at: place).waiter
        else { return }
        out.effects.append(.closed(waiter, AMQPError(.cancelled, "the task that waited was cancelled")))
    }

    /// The broker has let a channel go.
    mutating func end(_ number: UInt16, _ error: AMQPError?) {
        guard let epoch = channels[Int(number)]?.epoch else { return }
        channels[Int(number)]?.flushDeliveries(&out, &outcome)
        channels[Int(number)]?.end(error, &out)
        if channels[Int(number)]?.isOrphan == false { ended.updateValue(error, forKey: epoch) }
        channels[Int(number)] = nil
        channelChanges.append(.ended(number))
        if let error { out.effects.append(.log(.warning, "the broker closed channel \(number): \(error)")) }
        let cause = error ?? AMQPError(.closed, "the channel was closed")
        abandonGated(cause) { $0.publication.channel.epoch == epoch }
        if stoppedChannels.remove(number) != nil { openGate() }
    }

    // MARK: Settling

    /// Notes acks; those of a channel that is gone mean nothing, the broker delivers the messages again.
    mutating func acknowledge(_ tags: ClosedRange<UInt64>, on id: ChannelID) {
        guard case .open = phase, let index = index(of: id) else { return }
        channels[index]?.acknowledge(tags)
        if withAcknowledgements.last != id.number { withAcknowledgements.append(id.number) }
        wantWake()
    }

    /// Settles a delivery; false if it was settled before or its channel is gone.
    mutating func settle(_ tag: UInt64, _ settlement: ChannelMachine.Settlement, on id: ChannelID) -> Bool {
        guard case .open = phase, let index = index(of: id),
            channels[index]?.settle(tag, settlement, &out) == true
        else { return false }
        if case .acknowledge = settlement, withAcknowledgements.last != id.number {
            withAcknowledgements.append(id.number)
        }
        wantWake()
        return true
    }
}
