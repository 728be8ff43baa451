import NIOCore
import Testing

@testable import AMQP

@Suite struct `Republishing` {
    private func entry(_ id: UInt64, exchange: String = "e", deadline: Int64 = 100) -> AMQP.Republishing.Entry {
        AMQP.Republishing.Entry(
            id: id, message: .test(exchange: exchange), deadline: .uptimeNanoseconds(0) + .seconds(deadline),
            continuation: .closure { _ in })
    }

    private func filled(_ ids: ClosedRange<UInt64>, exchange: String = "e") -> AMQP.Republishing {
        var messages = AMQP.Republishing()
        for id in ids { _ = messages.append(entry(id, exchange: exchange)) }
        return messages
    }

    private let refused = AMQPError(.channelClosed, "PRECONDITION_FAILED - bad message", replyCode: 406)

    @Test func `nothing is sent before there is a channel, then everything in order, then only what is new`() {
        var messages = filled(1...3)
        #expect(messages.takeSendable().isEmpty)
        messages.ready()
        #expect(messages.takeSendable().map(\.id) == [1, 2, 3])
        #expect(messages.takeSendable().isEmpty)
        let isToBeSent = messages.append(entry(4))
        #expect(isToBeSent)
        #expect(messages.takeSendable().isEmpty)
    }

    @Test func `after a lost connection the unresolved are sent again in order`() {
        var messages = filled(1...5)
        messages.ready()
        _ = messages.takeSendable()
        #expect(messages.resolve(2)?.entry.id == 2)
        #expect(messages.resolve(2) == nil)
        #expect(messages.channelEnded(AMQPError(.connectionClosed, "lost")).isEmpty)
        _ = messages.append(entry(6))
        messages.ready()
        #expect(messages.takeSendable().map(\.id) == [1, 3, 4, 5, 6])
    }

    @Test func `an exchange that the error names is to blame, and nothing else`() {
        var messages = filled(1...3)
        _ = messages.append(entry(4, exchange: "missing"))
        _ = messages.append(entry(5))
        messages.ready()
        _ = messages.takeSendable()
        let error = AMQPError(.channelClosed, "NOT_FOUND - no exchange 'missing' in vhost '/'", replyCode: 404)
        #expect(messages.channelEnded(error).map(\.id) == [4])
        messages.ready()
        #expect(messages.takeSendable().map(\.id) == [1, 2, 3, 5])
    }

    @Test func `one that was given up may be to blame, and then nobody else is`() {
        var messages = filled(1...2)
        messages.ready()
        _ = messages.takeSendable()
        #expect(messages.giveUp(1)?.isSent == true)
        #expect(messages.channelEnded(refused).isEmpty)
        messages.ready()
        #expect(messages.takeSendable().map(\.id) == [2])
        // On this channel it was alone.
        #expect(messages.channelEnded(refused).map(\.id) == [2])
    }

    @Test func `of a topic that is refused, only messages with that key are to blame`() {
        var messages = AMQP.Republishing()
        for (id, key) in [(1, "good.x"), (2, "bad.x"), (3, "bad.y")] as [(UInt64, String)] {
            _ = messages.append(
                AMQP.Republishing.Entry(
                    id: id, message: OutgoingMessage(exchange: "e", routingKey: key, body: []),
                    deadline: .uptimeNanoseconds(0) + .seconds(100), continuation: .closure { _ in }))
        }
        messages.ready()
        _ = messages.takeSendable()
        let text = "ACCESS_REFUSED - access to topic 'bad.x' in exchange 'e' in vhost '/' refused for user 'u'"
        #expect(messages.channelEnded(AMQPError(.channelClosed, text, replyCode: 403)).map(\.id) == [2])
        messages.ready()
        #expect(messages.takeSendable().map(\.id) == [1, 3])
    }

    @Test func `a virtual host of the same name as an exchange blames nobody`() {
        var messages = filled(1...2, exchange: "loans")
        _ = messages.append(entry(3, exchange: "missing"))
        messages.ready()
        _ = messages.takeSendable()
        let error = AMQPError(.channelClosed, "NOT_FOUND - no exchange 'missing' in vhost 'loans'", replyCode: 404)
        #expect(messages.channelEnded(error).map(\.id) == [3])
    }

    @Test func `the default exchange has a name in errors`() {
        var messages = filled(1...2)
        _ = messages.append(entry(3, exchange: ""))
        messages.ready()
        _ = messages.takeSendable()
        let text = "ACCESS_REFUSED - access to exchange 'amq.default' in vhost '/' refused for user 'u'"
        #expect(messages.channelEnded(AMQPError(.channelClosed, text, replyCode: 403)).map(\.id) == [3])
    }

    @Test func `without a name the culprit is found by sending one at a time`() {
        var messages = filled(1...3)
        messages.ready()
        _ = messages.takeSendable()
        #expect(messages.channelEnded(refused).isEmpty)
        _ = messages.append(entry(4))
        messages.ready()
        #expect(messages.takeSendable().map(\.id) == [1])
        #expect(messages.takeSendable().isEmpty)
        _ = messages.resolve(1)
        #expect(messages.takeSendable().map(\.id) == [2])
        #expect(messages.channelEnded(refused).map(\.id) == [2])
        messages.ready()
        #expect(messages.takeSendable().map(\.id) == [3])
        _ = messages.resolve(3)
        #expect(messages.takeSendable().map(\.id) == [4])
        let isToBeSent = messages.append(entry(5))
        #expect(isToBeSent)
    }

    @Test func `held back, nothing more is sent until the next channel, and nothing twice`() {
        var messages = filled(1...3)
        messages.ready()
        _ = messages.takeSendable()
        #expect(messages.isAwaitingConfirms)
        messages.hold()
        _ = messages.append(entry(4))
        #expect(messages.takeSendable().isEmpty)
        for id: UInt64 in 1...3 {
            #expect(messages.isAwaitingConfirms)
            #expect(messages.resolve(id)?.entry.id == id)
        }
        #expect(!messages.isAwaitingConfirms)
        #expect(messages.channelEnded(nil).isEmpty)
        messages.ready()
        #expect(messages.takeSendable().map(\.id) == [4])
    }

    @Test func `what is late is given up`() {
        var messages = AMQP.Republishing()
        _ = messages.append(entry(1, deadline: 10))
        _ = messages.append(entry(2, deadline: 5))
        _ = messages.append(entry(3, deadline: 20))
        #expect(messages.earliestDeadline == .uptimeNanoseconds(0) + .seconds(5))
        #expect(messages.expire(now: .uptimeNanoseconds(0) + .seconds(10)).map(\.id) == [1, 2])
        #expect(messages.earliestDeadline == .uptimeNanoseconds(0) + .seconds(20))
    }

    @Test func `whether a message was sent on the present channel is known when it is resolved`() {
        var messages = filled(1...3)
        messages.ready()
        _ = messages.takeSendable()
        _ = messages.append(entry(4))
        #expect(messages.resolve(2)?.isSent == true)
        #expect(messages.resolve(4)?.isSent == true)
        messages.hold()
        _ = messages.append(entry(5))
        #expect(messages.resolve(5)?.isSent == false)
        #expect(messages.isAwaitingConfirms)
        _ = messages.channelEnded(AMQPError(.connectionClosed, "lost"))
        #expect(!messages.isAwaitingConfirms)
        #expect(messages.resolve(1)?.isSent == false)
        messages.ready()
        #expect(messages.takeSendable().map(\.id) == [3])
    }

    @Test(.timeLimit(.minutes(1)))
    func `sending one more does not cost what many before it cost`() {
        // With a copy of all entries for each, this would move 100 GB.
        var messages = filled(1...30_000)
        messages.ready()
        _ = messages.takeSendable()
        for id in UInt64(30_001)...60_000 {
            let isToBeSent = messages.append(entry(id))
            #expect(isToBeSent)
        }
    }
}

extension AMQP.Republishing {
    fileprivate mutating func takeSendable() -> [Entry] {
        var entries: [Entry] = []
        while let entry = nextSendable() { entries.append(entry) }
        return entries
    }
}
