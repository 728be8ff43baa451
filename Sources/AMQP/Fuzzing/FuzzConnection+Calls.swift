import NIOCore

/// What a program calls; whoever waits is on the account.
extension FuzzConnection {
    private typealias Answer = Waiter<Result<Reply, AMQPError>>

    private var deadline: NIODeadline { now + .seconds(30) }

    /// The channel that has this number now.
    func id(of number: UInt16) -> ChannelID? {
        guard Int(number) < machine.channels.count, let channel = machine.channels[Int(number)] else { return nil }
        return ChannelID(number: number, epoch: channel.epoch)
    }

    mutating func openChannel(confirms: Bool) {
        let waiter: Answer = account.waiter { FuzzAnswer($0) }
        perform { [deadline] in
            _ = $0.openChannel(confirms: confirms, id: 100, waiter, deadline: deadline, isCancelled: false)
        }
    }

    mutating func publish(id: String?, body: [UInt8], on number: UInt16) {
        guard let channel = self.id(of: number) else { return }
        var properties = BasicProperties()
        properties.messageID = id
        let message = OutgoingMessage(exchange: "e", routingKey: "k", properties: properties, body: body)
        let waiter = PublishWaiter(
            id: UInt64(body.first ?? 0), target: .listener(FuzzListener(told: account.recorder { FuzzAnswer($0) })))
        perform { [deadline] in
            $0.publish(message, on: channel, waiter, deadline: deadline, isCancelled: false)
        }
    }

    mutating func consume(_ tag: String, on number: UInt16) {
        guard let channel = id(of: number) else { return }
        let waiter: Answer = account.waiter { FuzzAnswer($0) }
        perform { [deadline] in
            $0.consume(
                "q", tag: tag, prefetch: 10, exclusive: false, arguments: [:], to: DeliveryQueue(), on: channel,
                callID: 101, waiter, deadline: deadline, isCancelled: false)
        }
    }

    mutating func call(_ method: OutboundMethod, _ kind: ReplyKind, on number: UInt16) {
        guard let channel = id(of: number) else { return }
        let waiter: Answer = account.waiter { FuzzAnswer($0) }
        perform { [deadline] in
            $0.call(
                method, answeredBy: kind, on: channel, callID: 102, waiter, deadline: deadline, isCancelled: false)
        }
    }

    mutating func closeChannel(_ id: ChannelID, isAwaited: Bool) {
        let waiter = isAwaited ? closeWaiter(id: 103, deadline: deadline) : nil
        perform { $0.closeChannel(id, waiter) }
    }

    mutating func awaitEnd(of id: ChannelID, isCancelled: Bool) {
        let waiter = closeWaiter(id: 104, deadline: nil)
        perform { $0.waitUntilClosed(id, waiter, isCancelled: false) }
        if isCancelled { perform { $0.cancelWaitUntilClosed(id, waiterID: 104) } }
    }

    private func closeWaiter(id: UInt64, deadline: NIODeadline?) -> ChannelMachine.CloseWaiter {
        ChannelMachine.CloseWaiter(id: id, waiter: account.waiter { FuzzAnswer($0) }, deadline: deadline)
    }

    mutating func close() {
        let waiter: Waiter<AMQPError?> = account.waiter { FuzzAnswer($0) }
        let deadline = now + .seconds(5)
        perform { $0.close(waiter, deadline: deadline) }
    }
}

private final class FuzzListener: PublishListener {
    private let told: @Sendable (AMQPError?) -> Void

    init(told: @escaping @Sendable (AMQPError?) -> Void) {
        self.told = told
    }

    func ended(_ publishes: [EndedPublish]) {
        for publish in publishes { told(publish.error) }
    }
}
