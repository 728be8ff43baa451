import NIOConcurrencyHelpers
import TestSupport
import Testing

@testable import AMQP

@Suite(.timeLimit(.minutes(3))) struct `Difficult peers` {
    @Test func `a mute host makes way for the next within the deadline`() async throws {
        try await withScriptedBroker(ScriptedBroker.mute) { mute, _ in
            try await withScriptedBroker { good, configuration in
                var configuration = configuration
                configuration.hosts = [.init(name: "127.0.0.1", port: mute.port)] + configuration.hosts
                configuration.connectTimeout = .seconds(3)
                let connection = try await AMQPConnection.connect(configuration, logger: quietLogger)
                #expect(connection.host.port == good.port)
                await connection.close()
            }
        }
    }

    @Test func `a host that refuses connections is named`() async throws {
        let port = try await withScriptedBroker { broker, _ in broker.port }
        let configuration = AMQPConfiguration(hosts: [.init(name: "127.0.0.1", port: port)])
        let error = await failure { _ = try await AMQPConnection.connect(configuration, logger: quietLogger) }
        #expect(error?.code == .connectionFailed)
        #expect(error?.message.contains("\(port)") == true)
    }

    @Test func `a name that does not resolve is a failed connection`() async {
        let configuration = AMQPConfiguration(hosts: [.init(name: "no-such-host.invalid")])
        let error = await failure { _ = try await AMQPConnection.connect(configuration, logger: quietLogger) }
        #expect(error?.code == .connectionFailed)
    }

    @Test func `a refused login does not go on to the next host`() async throws {
        try await withScriptedBroker({ method in
            method.classID == 10 && method.methodID == 11
                ? BrokerBytes.close(403, "ACCESS_REFUSED") : ScriptedBroker.wellBehaved(method)
        }) { _, configuration in
            try await withScriptedBroker { second, other in
                var configuration = configuration
                configuration.hosts += other.hosts
                let error = await failure { _ = try await AMQPConnection.connect(configuration, logger: quietLogger) }
                #expect(error?.code == .authenticationRefused)
                #expect(second.received.values.isEmpty)
            }
        }
    }

    @Test func `connecting to a mute host can be cancelled at once`() async throws {
        try await withScriptedBroker(ScriptedBroker.mute) { mute, configuration in
            let clock = ContinuousClock()
            let connecting = Task {
                await failure { _ = try await AMQPConnection.connect(configuration, logger: quietLogger) }
            }
            try await eventually("the greeting has come") { !mute.received.values.isEmpty }
            let start = clock.now
            connecting.cancel()
            #expect(await connecting.value?.code == .cancelled)
            #expect(clock.now - start < .seconds(1))
        }
    }

    @Test func `a call that is never answered times out and can be cancelled`() async throws {
        try await withScriptedBroker { _, configuration in
            var configuration = configuration
            configuration.rpcTimeout = .seconds(3)
            configuration.heartbeat = .zero
            let connection = try await AMQPConnection.connect(configuration, logger: quietLogger)
            let channel = try await connection.openChannel(confirms: true)
            #expect(await failure { try await channel.purgeQueue("q") }?.code == .timedOut)
            let late = await failure { try await channel.publish(.test(), deadline: .milliseconds(200)) }
            #expect(late?.code == .timedOut)
            let waiting = Task { await failure { try await channel.publish(.test()) } }
            waiting.cancel()
            #expect(await waiting.value?.code == .cancelled)
            await connection.close()
        }
    }

    @Test func `a peer that vanishes is noticed by its silence`() async throws {
        // The scripted broker sends no heartbeats; one second was negotiated, so two are the limit.
        try await withScriptedBroker { _, configuration in
            let connection = try await AMQPConnection.connect(configuration, logger: quietLogger)
            let channel = try await connection.openChannel(confirms: true)
            async let published = failure { try await channel.publish(.test()) }
            let error = await connection.waitUntilClosed()
            #expect(error?.code == .connectionClosed)
            #expect(error?.message.contains("heartbeat") == true)
            #expect(await published?.code == .connectionClosed)
        }
    }

    @Test func `a peer that hangs up ends everything that waits`() async throws {
        try await withScriptedBroker { broker, configuration in
            let connection = try await AMQPConnection.connect(configuration, logger: quietLogger)
            let channel = try await connection.openChannel(confirms: true)
            async let published = failure { try await channel.publish(.test()) }
            async let called = failure { try await channel.purgeQueue("q") }
            try await eventually("both were sent") {
                broker.received.values.count { $0.classID >= 50 && $0.classID < 85 } == 2
            }
            broker.hangUp()
            #expect(await published?.code == .connectionClosed)
            #expect(await called?.code == .connectionClosed)
            #expect(await connection.waitUntilClosed()?.code == .connectionClosed)
        }
    }

    @Test func `a blocked connection suspends publishers, which resume or can be cancelled`() async throws {
        try await withScriptedBroker { method in
            method == .init(channel: 1, classID: 60, methodID: 40)
                ? BrokerBytes.ack(1, 1) : ScriptedBroker.wellBehaved(method)
        } _: { broker, configuration in
            var configuration = configuration
            configuration.heartbeat = .zero
            let connection = try await AMQPConnection.connect(configuration, logger: quietLogger)
            let channel = try await connection.openChannel(confirms: true)
            broker.send(BrokerBytes.method(0, 10, 60, BrokerBytes.short("low on memory")))
            try await eventually("it is blocked") { connection.isBlocked }
            let cancelled = Task { await failure { try await channel.publish(.test([1])) } }
            let patient = Task { await failure { try await channel.publish(.test([2])) } }
            try await eventually("both wait") { connection.core.read { $0.gated.count } == 2 }
            cancelled.cancel()
            #expect(await cancelled.value?.code == .cancelled)
            broker.send(BrokerBytes.method(0, 10, 61))
            #expect(await patient.value == nil)
            await connection.close()
        }
    }

    @Test func `a peer that stops reading suspends publishers, and close keeps its deadline`() async throws {
        try await withScriptedBroker { broker, configuration in
            var configuration = configuration
            configuration.heartbeat = .zero
            let connection = try await AMQPConnection.connect(configuration, logger: quietLogger)
            let channel = try await connection.openChannel()
            try await broker.setReading(false)
            let sent = Recorder<Int>()
            let publishing = Task {
                await failure {
                    for index in 0..<200 {
                        try await channel.publish(.test(Array(repeating: 0, count: 1 << 20)))
                        sent.record(index)
                    }
                }
            }
            try await eventually("a publisher waits") { connection.core.read { !$0.gated.isEmpty } }
            #expect(sent.values.count < 100)
            // What is received is still heard.
            broker.send(BrokerBytes.method(0, 10, 60, BrokerBytes.short("low on memory")))
            try await eventually("it is blocked") { connection.isBlocked }
            let clock = ContinuousClock()
            let start = clock.now
            await connection.close(deadline: .seconds(3))
            #expect(clock.now - start < .seconds(3) + schedulingAllowance)
            #expect(await publishing.value?.code == .closed)
        }
    }

    @Test func `a frame that lies closes the connection and names the cause`() async throws {
        try await withScriptedBroker { broker, configuration in
            let connection = try await AMQPConnection.connect(configuration, logger: quietLogger)
            broker.send([1, 0, 0, 255, 255, 255, 255])
            let error = await connection.waitUntilClosed()
            #expect(error?.code == .protocolViolation)
            #expect(error?.replyCode == 501)
            try await eventually("the broker was told") {
                broker.received.values.contains { $0.classID == 10 && $0.methodID == 50 }
            }
        }
    }
}
