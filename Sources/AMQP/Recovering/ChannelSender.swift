/// One channel of a recovering publisher: sends its messages and hears how they ended.
final class ChannelSender: PublishListener {
    let channel: AMQPChannel
    /// Rung when a message is nacked on this channel.
    let nacked = Alarm()
    private let publisher: RecoveringPublisher

    var core: ConnectionCore { channel.connection.core }

    init(_ channel: AMQPChannel, for publisher: RecoveringPublisher) {
        self.channel = channel
        self.publisher = publisher
    }

    /// Hands a message over; the caller runs the effects.
    ///
    /// A channel that has ended refuses it, which is told as the message's end.
    func send(_ entry: Republishing.Entry) -> [Effect] {
        channel.publish(entry.message, waiterID: entry.id, deadline: entry.deadline, listener: self)
    }

    func ended(_ publishes: [EndedPublish]) {
        publisher.ended(publishes)
        if publishes.contains(where: { $0.error?.code == .nacked }) { nacked.ring() }
    }
}
