import NIOConcurrencyHelpers
import TestSupport
import Testing

@testable import AMQP

/// A channel whose messages are nacked is left: one of RabbitMQ 3.10 that met a queue without a leader nacks for ever.
@Suite(.timeLimit(.minutes(1))) struct `A channel that nacks` {
    /// What was published, by exchange, on each of the channels that were opened one after the other.
    private let published = NIOLockedValueBox<[[String]]>([])

    /// The first channel nacks what is for the exchange "nacked" and confirms nothing else; the others confirm all.
    private func script(_ call: ReceivedCall) -> Reaction {
        switch (call.method.classID, call.method.methodID) {
        case (20, 10): published.withLockedValue { $0.append([]) }
        case (60, 40):
            let channels = published.withLockedValue { published in
                published[published.count - 1].append(call.exchange)
                return published.count
            }
            guard channels == 1 else { break }
            return call.exchange == "nacked" ? .send(BrokerBytes.nack(call.channel, call.publishNumber)) : .nothing
        default: break
        }
        return Reaction.wellBehaved(call)
    }

    private func sent(_ channel: Int) -> [String] {
        published.withLockedValue { $0.count > channel ? $0[channel] : [] }
    }

    private static let owed = (1...5).map { "owed-\($0)" }

    /// Publishes the owed messages, has one nacked, and one more published when the channel is being left.
    private func run(_ settling: (ScriptedBroker) async throws -> Void) async throws {
        try await withScriptedBroker(reacting: script) { broker, configuration in
            try await withClient(configuration) { client in
                try await withThrowingTaskGroup(of: Void.self) { group in
                    for exchange in Self.owed {
                        group.addTask { try await client.publish(.test(exchange: exchange)) }
                    }
                    try await eventually("they are sent") { sent(0).count == Self.owed.count }
                    #expect(await failure { try await client.publish(.test(exchange: "nacked")) }?.code == .nacked)
                    try await eventually("nothing more is sent") {
                        client.publisher.box.withLockedValue { !$0.messages.isReady }
                    }
                    group.addTask { try await client.publish(.test(exchange: "late")) }
                    try await settling(broker)
                    try await group.waitForAll()
                }
            }
        }
    }

    @Test func `what it still owes is awaited, so nothing is published twice`() async throws {
        try await run { broker in
            // The nacked one is the last of them.
            broker.send(BrokerBytes.ack(1, UInt64(Self.owed.count), multiple: true))
        }
        #expect(Set(sent(0)) == Set(Self.owed + ["nacked"]))
        #expect(sent(1) == ["late"])
    }

    @Test func `what it owes for too long is published on the next, in order`() async throws {
        try await run { _ in }
        #expect(Set(sent(1).dropLast()) == Set(Self.owed))
        #expect(Array(sent(1).dropLast()) == Array(sent(0).dropLast()))
        #expect(sent(1).last == "late")
    }
}
