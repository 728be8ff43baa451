import TestSupport
import Testing

@testable import AMQP

@Suite(.timeLimit(.minutes(3))) struct `Lies after the login` {
    static func script(_ lie: PeerLie) -> Reaction.Script {
        let tag = Recorder<String>()
        return { call in
            switch (call.method.classID, call.method.methodID) {
            case (60, 20):
                tag.record(call.consumerTag)
                return Reaction.wellBehaved(call)
            case (60, 40): return .nothing
            case (50, 30):
                let bytes = lie.bytes(tag.values.last ?? "")
                return lie.hangsUp ? .sendAndHangUp(bytes) : .send(bytes)
            default: return Reaction.wellBehaved(call)
            }
        }
    }

    /// What each that waits on the liar's connection is told.
    struct Failures {
        var call: AMQPError?
        var publishes: [AMQPError?]
        var delivery: AMQPError?
    }

    static func provoke(_ connection: AMQPConnection) async throws -> Failures {
        let channel = try await connection.openChannel(confirms: true)
        let deliveries = try await channel.consume("queue", prefetch: 10)
        let outcomes = Recorder<AMQPError?>()
        let waiter = PublishWaiter(id: WaiterID.next(), target: .closure { outcomes.record($0) })
        connection.core.perform {
            $0.publish(.test(), on: channel.id, waiter, deadline: nil, isCancelled: false)
        }
        let call = await failure { try await channel.purgeQueue("queue") }
        let delivery = await failure { for try await _ in deliveries {} }
        return Failures(call: call, publishes: outcomes.values, delivery: delivery)
    }

    @Test(arguments: PeerLie.all)
    func `a lie is named to everything that waits, and the next host is used`(lie: PeerLie) async throws {
        try await withLiar(Self.script(lie)) { liar, good, configuration in
            try await withClient(configuration) { client in
                let start = ContinuousClock.now
                let failures = try await client.withConnection { connection in
                    #expect(connection.host == liar.host)
                    return try await Self.provoke(connection)
                }
                #expect(ContinuousClock.now - start < namingPromise + schedulingAllowance)
                #expect(failures.publishes.count == 1)
                for error in [failures.call, failures.publishes.first ?? nil, failures.delivery] {
                    #expect(error?.code == lie.code)
                    #expect(error?.replyCode == lie.replyCode)
                    for word in lie.words { #expect(error?.message.contains(word) == true, "\(error?.message ?? "-")") }
                }
                let purged = try await client.withConnection { connection in
                    #expect(connection.host == good.host)
                    return try await connection.openChannel().purgeQueue("queue")
                }
                #expect(purged == 0)
            }
            guard lie.code == .protocolViolation else { return }
            try await eventually("the liar was told why") {
                liar.calls.values.contains {
                    $0.method == .init(channel: 0, classID: 10, methodID: 50) && $0.replyCode == lie.replyCode
                }
            }
        }
    }

    @Test func `there are more than eighty lies, each under a name of its own`() {
        let names = HandshakeLie.all.map { "login: " + $0.name } + PeerLie.all.map(\.name)
        #expect(Set(names).count == names.count)
        #expect(names.count > 80)
        print("hostile broker: \(names.count) lies")
    }
}
