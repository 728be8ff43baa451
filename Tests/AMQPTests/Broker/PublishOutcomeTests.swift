import TestSupport
import Testing

@testable import AMQP

/// Whatever happens to a publish, whoever waits for it is told, and told once.
@Suite(.timeLimit(.minutes(3))) struct `Every publish is told once` {
    private static let count = 200

    /// Publishes many messages at once; one recorder for each.
    private func publish(
        on channel: AMQPChannel, deadline: Duration? = nil, _ message: (Int) -> OutgoingMessage
    ) -> [Recorder<AMQPError?>] {
        (0..<Self.count).map { index in
            let told = Recorder<AMQPError?>()
            let waiter = PublishWaiter(id: WaiterID.next(), target: .closure { told.record($0) })
            channel.connection.core.perform {
                $0.publish(
                    message(index), on: channel.id, waiter, deadline: deadline.map { .after($0) }, isCancelled: false)
            }
            return told
        }
    }

    /// Waits until all are told and the connection is closed, after which nothing can be told twice.
    private func outcomes(
        _ told: [Recorder<AMQPError?>], _ connection: AMQPConnection
    ) async throws -> [AMQPError.Code?] {
        try await eventually("all are told") { told.allSatisfy { !$0.values.isEmpty } }
        await connection.close()
        #expect(told.map(\.values.count) == Array(repeating: 1, count: Self.count))
        return told.map { $0.values.first??.code }
    }

    @Test func `a missing exchange in their midst`() async throws {
        try await withConnection { connection in
            let channel = try await connection.openChannel(confirms: true)
            let queue = try await channel.declareTestQueue()
            let told = publish(on: channel) { .test(exchange: $0 == 100 ? "no-such-exchange" : "", key: queue) }
            let codes = try await outcomes(told, connection)
            // What was before it may be confirmed in time; nothing after it is stored.
            #expect(codes[..<100].allSatisfy { $0 == nil || $0 == .channelClosed })
            #expect(codes[100...].allSatisfy { $0 == .channelClosed })
            #expect(told[100].values.first??.replyCode == 404)
            #expect(told[100].values.first??.message.contains("no-such-exchange") == true)
        }
    }

    @Test func `a missing binding: the return decides, the ack that follows tells`() async throws {
        try await withConnection { connection in
            let channel = try await connection.openChannel(confirms: true)
            let exchange = uniqueName("exchange")
            try await channel.declareExchange(exchange, type: .fanout, autoDelete: false)
            let queue = try await channel.declareTestQueue()
            let told = publish(on: channel) {
                .test([UInt8($0 % 7)], exchange: $0 % 2 == 0 ? exchange : "", key: queue)
            }
            let codes = try await outcomes(told, connection)
            for (index, code) in codes.enumerated() { #expect(code == (index % 2 == 0 ? .returned : nil)) }
        }
    }

    @Test func `a queue that is full`() async throws {
        try await withConnection { connection in
            let channel = try await connection.openChannel(confirms: true)
            let full = try await channel.declareTestQueue(
                arguments: ["x-max-length": 1, "x-overflow": "reject-publish"])
            try await channel.publish(.test(exchange: "", key: full))
            let codes = try await outcomes(publish(on: channel) { _ in .test(exchange: "", key: full) }, connection)
            #expect(codes.allSatisfy { $0 == .nacked })
        }
    }

    @Test func `a deadline, and the confirm that comes after it`() async throws {
        try await withScriptedBroker(reacting: Reaction.wellBehaved(until: .publish) { _ in .nothing }) {
            broker, configuration in
            let connection = try await AMQPConnection.connect(configuration, logger: quietLogger)
            let channel = try await connection.openChannel(confirms: true)
            let told = publish(on: channel, deadline: .milliseconds(200)) { _ in .test() }
            try await eventually("all are told") { told.allSatisfy { !$0.values.isEmpty } }
            broker.send(BrokerBytes.ack(channel.id.number, UInt64(Self.count), multiple: true))
            try await eventually("the late confirm was taken in") {
                connection.core.read { $0.channels[channel.number]?.confirms.unconfirmed == 0 }
            }
            let codes = try await outcomes(told, connection)
            #expect(codes.allSatisfy { $0 == .timedOut })
        }
    }

    @Test(arguments: [true, false]) func `a channel or a connection lost between some confirms and the rest`(
        isChannel: Bool
    ) async throws {
        try await withScriptedBroker(
            reacting: Reaction.wellBehaved(until: .publish) { call in
                guard call.publishNumber == 150 else { return .nothing }
                let confirms = BrokerBytes.ack(1, 50, multiple: true) + BrokerBytes.nack(1, 60)
                return .send(confirms + BrokerBytes.close(isChannel ? 406 : 320, "GONE", on: isChannel ? 1 : 0))
            }
        ) { _, configuration in
            var configuration = configuration
            configuration.heartbeat = .zero
            let connection = try await AMQPConnection.connect(configuration, logger: quietLogger)
            let channel = try await connection.openChannel(confirms: true)
            let told = publish(on: channel) { _ in .test() }
            let codes = try await outcomes(told, connection)
            let lost: AMQPError.Code = isChannel ? .channelClosed : .connectionClosed
            for (index, code) in codes.enumerated() {
                #expect(code == (index < 50 ? nil : index == 59 ? .nacked : lost), "\(index)")
            }
        }
    }
}
