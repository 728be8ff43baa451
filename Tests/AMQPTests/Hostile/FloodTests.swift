import NIOConcurrencyHelpers
import TestSupport
import Testing

@testable import AMQP

/// Floods: each in a process of its own, whose memory is its alone, one at a time, for each takes all the cores it gets.
@Suite(.serialized, .timeLimit(.minutes(5))) struct FloodExitTests {
    /// No flood may take the process beyond this.
    static let mostMebibytes = 256

    @Test func `heartbeats without end leave calls answered and memory flat`() async {
        show(
            await #expect(processExitsWith: .success, observing: [\.standardOutputContent]) {
                // A million heartbeats; the answer comes behind them.
                let heartbeats = Array(repeating: BrokerBytes.heartbeat, count: 1000).flatMap { $0 }
                try await underFlood({ call in
                    guard call.method.methodID == 30, call.method.classID == 50 else {
                        return Reaction.wellBehaved(call)
                    }
                    return call.publishNumber == 0 ? .flood(heartbeats, times: 1000) : .nothing
                }) { broker, connection in
                    let channel = try await connection.openChannel()
                    let called = Task { await failure { try await channel.purgeQueue("queue") } }
                    let other = try await connection.openChannel()
                    for _ in 0..<50 { _ = try await connection.openChannel() }
                    await other.close()
                    try await eventually("the flood is over", within: .seconds(60)) {
                        broker.floodedBytes.withLockedValue { $0 } >= 8_000_000
                    }
                    broker.send(BrokerBytes.method(1, 50, 31, [0, 0, 0, 0]))
                    #expect(await called.value == nil)
                }
            })
    }

    @Test func `all lies one after the other leave memory flat`() async {
        show(
            await #expect(processExitsWith: .success, observing: [\.standardOutputContent]) {
                for lie in HandshakeLie.all {
                    try await withLiar(lie.script) { liar, _, configuration in
                        var configuration = configuration
                        configuration.hosts = [liar.host]
                        #expect(
                            await failure {
                                _ = try await AMQPConnection.connect(configuration, logger: quietLogger)
                            } != nil)
                    }
                }
                for lie in PeerLie.all {
                    try await withLiar(`Lies after the login`.script(lie)) { _, _, configuration in
                        let connection = try await AMQPConnection.connect(configuration, logger: quietLogger)
                        #expect(try await `Lies after the login`.provoke(connection).call != nil)
                    }
                }
                print(
                    "flood: \(HandshakeLie.all.count + PeerLie.all.count) lies,",
                    "at most \(peakResidentMebibytes()) MiB held")
                #expect(peakResidentMebibytes() < FloodExitTests.mostMebibytes)
            })
    }

    @Test func `deliveries for a consumer that is gone are given back, and none is kept`() async {
        show(
            await #expect(processExitsWith: .success, observing: [\.standardOutputContent]) {
                let body = Array(repeating: UInt8(7), count: 120_000)
                try await underFlood({ call in
                    guard call.method.methodID == 30, call.method.classID == 50 else {
                        return Reaction.wellBehaved(call)
                    }
                    // More than the limit, and no read of it ends where a frame does.
                    return .floodOfDeliveries(count: 3000, tag: "nobody", body: body)
                }) { broker, connection in
                    let channel = try await connection.openChannel()
                    let called = Task { await failure { try await channel.purgeQueue("queue") } }
                    try await eventually("all were given back", within: .seconds(90)) {
                        broker.calls.values.count { $0.method.methodID == 120 } == 3000
                    }
                    #expect(connection.isOpen)
                    called.cancel()
                    #expect(await called.value?.code == .cancelled)
                }
            })
    }

    @Test func `deliveries beyond the prefetch end the connection before they fill the memory`() async {
        show(
            await #expect(processExitsWith: .success, observing: [\.standardOutputContent]) {
                let body = Array(repeating: UInt8(7), count: 100_000)
                try await underFlood({ call in
                    guard call.method.methodID == 20, call.method.classID == 60 else {
                        return Reaction.wellBehaved(call)
                    }
                    return .floodOfDeliveries(count: 10_000, tag: call.consumerTag, body: body)
                }) { _, connection in
                    let channel = try await connection.openChannel()
                    let consuming = Task { await failure { _ = try await channel.consume("queue", prefetch: 10) } }
                    let error = await connection.waitUntilClosed()
                    #expect(error?.code == .protocolViolation)
                    #expect(error?.message.contains("far more than the prefetch") == true)
                    #expect(await consuming.value?.code == .protocolViolation)
                }
            })
    }

    @Test func `a body far over the limit passes through`() async {
        show(
            await #expect(processExitsWith: .success, observing: [\.standardOutputContent]) {
                let frame = BrokerBytes.frame(3, 1, Array(repeating: 7, count: 131_064))
                try await underFlood({ call in
                    guard call.method.methodID == 30, call.method.classID == 50 else {
                        return Reaction.wellBehaved(call)
                    }
                    return .floodAfter(
                        BrokerBytes.deliverMethod(1, tag: "nobody", 1)
                            + BrokerBytes.header(1, size: 131_064 * 2200), frame, times: 2200)
                }) { broker, connection in
                    let channel = try await connection.openChannel()
                    let called = Task { await failure { try await channel.purgeQueue("queue") } }
                    try await eventually("it was given back", within: .seconds(90)) {
                        broker.calls.values.contains { $0.method.methodID == 120 }
                    }
                    called.cancel()
                    #expect(await called.value?.code == .cancelled)
                    #expect(connection.isOpen)
                }
            })
    }

    @Test(arguments: [true, false])
    func `a peer that asks and never reads the answers is left`(isFlow: Bool) async {
        // Arguments cannot be taken along on every toolchain: two bodies that differ in what is asked.
        if isFlow {
            show(
                await #expect(processExitsWith: .success, observing: [\.standardOutputContent]) {
                    let flows = Array(repeating: BrokerBytes.method(1, 20, 20, [1]), count: 5000).flatMap { $0 }
                    try await leaveAnUnreadingPeer(flows)
                })
        } else {
            show(
                await #expect(processExitsWith: .success, observing: [\.standardOutputContent]) {
                    let flows = Array(repeating: BrokerBytes.method(1, 20, 20, [0]), count: 5000).flatMap { $0 }
                    try await leaveAnUnreadingPeer(flows)
                })
        }
    }

    @Test func `returns, blocked and acks without end are taken in and forgotten`() async {
        show(
            await #expect(processExitsWith: .success, observing: [\.standardOutputContent]) {
                func repeated(_ count: Int, _ bytes: [UInt8]) -> [UInt8] { (0..<count).flatMap { _ in bytes } }
                let body = [UInt8](repeating: 9, count: 500)
                var wave = repeated(20, BrokerBytes.returned(1, exchange: "e", key: "k", messageID: "m", body: body))
                wave += repeated(200, BrokerBytes.blocked("memory") + BrokerBytes.unblocked)
                wave += repeated(500, BrokerBytes.ack(1, 1))
                wave += repeated(200, BrokerBytes.method(1, 60, 30, BrokerBytes.short("x") + [1]))
                let all = wave
                try await underFlood({ call in
                    guard call.method.methodID == 30, call.method.classID == 50 else {
                        return Reaction.wellBehaved(call)
                    }
                    return .flood(all, times: 500)
                }) { broker, connection in
                    let channel = try await connection.openChannel(confirms: true)
                    try await channel.publish(.test())
                    let called = Task { await failure { try await channel.purgeQueue("queue") } }
                    try await eventually("the flood is over", within: .seconds(90)) {
                        broker.floodedBytes.withLockedValue { $0 } >= all.count * 500
                    }
                    broker.send(BrokerBytes.method(1, 50, 31, [0, 0, 0, 0]))
                    #expect(await called.value == nil)
                    #expect(connection.isOpen)
                }
            })
    }
}

/// Shows what a process said about its memory.
private func show(_ result: ExitTest.Result?) {
    let output = String(decoding: result?.standardOutputContent ?? [], as: UTF8.self)
    for line in output.split(separator: "\n") where line.contains("flood: ") { print(line) }
}

/// Runs a body against a scripted broker and checks afterwards what the process held in memory at most.
func underFlood(
    _ script: @escaping Reaction.Script, _ body: (ScriptedBroker, AMQPConnection) async throws -> Void
) async throws {
    try await withScriptedBroker(reacting: script) { broker, configuration in
        var configuration = configuration
        configuration.heartbeat = .zero
        configuration.rpcTimeout = .seconds(120)
        let connection = try await AMQPConnection.connect(configuration, logger: quietLogger)
        try await body(broker, connection)
        await connection.close(deadline: .seconds(1))
        let flooded = broker.floodedBytes.withLockedValue { $0 } >> 20
        print("flood: \(flooded) MiB received, at most \(peakResidentMebibytes()) MiB held")
    }
    #expect(peakResidentMebibytes() < FloodExitTests.mostMebibytes)
}

func leaveAnUnreadingPeer(_ questions: [UInt8]) async throws {
    try await underFlood({ call in
        guard call.method.methodID == 30, call.method.classID == 50 else { return Reaction.wellBehaved(call) }
        return .floodWithoutReading(questions, times: 2000)
    }) { _, connection in
        let channel = try await connection.openChannel()
        let called = Task { await failure { try await channel.purgeQueue("queue") } }
        let error = await connection.waitUntilClosed()
        #expect(error?.code == .protocolViolation)
        #expect(error?.message.contains("answers wait to be read") == true, "\(error?.message ?? "-")")
        #expect(await called.value?.code == .protocolViolation)
    }
}
