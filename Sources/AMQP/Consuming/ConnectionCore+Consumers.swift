import NIOCore

extension ConnectionCore {
    /// Stops the consumers of a channel, or of all, and returns when the broker has done so, at the deadline at the latest.
    ///
    /// A channel of RabbitMQ keeps settlements for a quorum queue to itself while 32 of its commands are not yet applied
    /// (`SOFT_LIMIT` in rabbit_fifo_client, 3.10 to 4.3), and when it is closed it forgets them: the messages come again.
    /// It answers a basic.cancel when the queue has applied all that it was sent, and sends what it had kept.
    func endConsumers(of id: ChannelID? = nil, until deadline: NIODeadline) async {
        let consumers = perform { $0.endConsumers(of: id) }
        guard !consumers.isEmpty else { return }
        await withDiscardingTaskGroup { group in
            for (channel, tag) in consumers {
                group.addTask {
                    // Without an answer the channel ends as it would have.
                    _ = try? await self.reply(on: channel.number, deadline: deadline) {
                        $0.call(
                            .basicCancel(tag: tag), answeredBy: .basicCancelOK, on: channel, callID: $1, $2,
                            deadline: $3, isCancelled: $4)
                    }
                }
            }
        }
    }
}

extension ConnectionMachine {
    /// Which consumers are to be stopped before their channel is closed; their deliveries end as with the channel.
    mutating func endConsumers(of id: ChannelID?) -> [(channel: ChannelID, tag: String)] {
        guard case .open = phase else { return [] }
        return channels.indices.flatMap { index -> [(channel: ChannelID, tag: String)] in
            guard let channel = channels[index], !channel.isClosing, id.map({ $0.epoch == channel.epoch }) ?? true
            else { return [] }
            let channelID = ChannelID(number: channel.number, epoch: channel.epoch)
            return (channels[index]?.endConsumers() ?? []).map { (channelID, $0) }
        }
    }
}

extension ChannelMachine {
    /// The consumers that have begun and that nobody is stopping.
    fileprivate mutating func endConsumers() -> [String] {
        let asked = calls.compactMap(\.consumerTag)
        var tags: [String] = []
        for index in consumers.indices where !asked.contains(consumers[index].tag) {
            consumers[index].end = AMQPError(.closed, "the channel was closed")
            tags.append(consumers[index].tag)
        }
        return tags
    }
}
