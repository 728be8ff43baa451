import Foundation
import NIOCore
import NIOSSL
import TestSupport
import Testing

@testable import AMQP

/// How long a cause may stay unnamed; what the scheduler of a loaded machine adds is allowed for.
let namingPromise: Duration = .seconds(5)
let schedulingAllowance: Duration = .seconds(2)

/// Runs a test with a liar and a broker that does everything right; the configuration names the liar first.
func withLiar<R>(
    tls: NIOSSLContext? = nil, _ script: @escaping Reaction.Script,
    _ body: (_ liar: ScriptedBroker, _ good: ScriptedBroker, AMQPConfiguration) async throws -> R
) async throws -> R {
    try await withScriptedBroker(tls: tls, reacting: script) { liar, configuration in
        try await withScriptedBroker(tls: tls, reacting: Reaction.wellBehaved) { good, _ in
            var configuration = configuration
            configuration.hosts = [liar.host, good.host]
            configuration.heartbeat = .zero
            return try await body(liar, good, configuration)
        }
    }
}

@Suite(.timeLimit(.minutes(3))) struct `Handshake lies` {
    /// The error of the liar alone, and the host that both together lead to.
    private func connect(
        _ configuration: AMQPConfiguration, to liar: ScriptedBroker
    ) async throws -> (AMQPError?, Duration, AMQPConfiguration.Host) {
        var alone = configuration
        alone.hosts = [liar.host]
        let start = ContinuousClock.now
        let error = await failure { _ = try await AMQPConnection.connect(alone, logger: quietLogger) }
        let took = ContinuousClock.now - start
        var configuration = configuration
        // The good host has as long as it takes on a loaded machine.
        configuration.connectTimeout = max(configuration.connectTimeout, .seconds(3))
        let connection = try await AMQPConnection.connect(configuration, logger: quietLogger)
        #expect(connection.isOpen)
        await connection.close()
        return (error, took, connection.host)
    }

    @Test(arguments: HandshakeLie.all) func `a lie is named, and the next host is used`(lie: HandshakeLie) async throws
    {
        try await withLiar(lie.script) { liar, good, configuration in
            let (error, took, host) = try await connect(configuration, to: liar)
            #expect(error?.code == lie.code)
            let message = error.map { "\($0)" } ?? ""
            for word in lie.words + ["\(liar.host)"] { #expect(message.contains(word), "\(message)") }
            #expect(message.count < 450)
            #expect(took < namingPromise + schedulingAllowance)
            #expect(host == good.host)
        }
    }

    /// What comes before the deadline, and how far the error says the login got.
    static let silences: [(name: String, step: Reaction.Step, reaction: Reaction, word: String)] = [
        ("nothing", .greeting, .nothing, "no connection.start"),
        ("a start that never ends", .greeting, .send(Array(BrokerBytes.start().dropLast())), "no connection.start"),
        ("heartbeats", .greeting, .flood(BrokerBytes.heartbeat, times: 1000), "no connection.start"),
        ("half a version", .greeting, .send(Array("AMQP".utf8) + [0]), "no connection.start"),
        ("a start", .startOK, .nothing, "no connection.tune"),
        ("half a tune", .startOK, .send(Array(BrokerBytes.tune().prefix(13))), "no connection.tune"),
        ("a tune", .open, .nothing, "no connection.open-ok"),
    ]

    @Test(arguments: silences.indices)
    func `silence is named with how far it got, and the next host is used`(index: Int) async throws {
        let silence = Self.silences[index]
        try await withLiar(Reaction.wellBehaved(until: silence.step) { _ in silence.reaction }) {
            liar, good, configuration in
            var configuration = configuration
            configuration.connectTimeout = .milliseconds(600)
            let (error, took, host) = try await connect(configuration, to: liar)
            #expect(error?.code == .connectionFailed)
            for word in ["did not answer within 0.6 seconds", silence.word, "\(liar.host)"] {
                #expect(error?.message.contains(word) == true, "after \(silence.name): \(error?.message ?? "-")")
            }
            #expect(took >= .milliseconds(550))
            #expect(took < .milliseconds(600) + schedulingAllowance)
            #expect(host == good.host)
        }
    }

    @Test func `the deadline of a host is 5 s unless told otherwise`() {
        #expect(AMQPConfiguration(hosts: []).connectTimeout == namingPromise)
    }

    /// Lies that cannot be told from a login refused for good: the next host is not shown the credentials at once.
    static let refusals: [(name: String, step: Reaction.Step, bytes: [UInt8], word: String)] = [
        ("403", .startOK, BrokerBytes.close(403, "ACCESS_REFUSED - wrong"), "ACCESS_REFUSED"),
        ("530", .open, BrokerBytes.close(530, "NOT_ALLOWED - no such vhost"), "NOT_ALLOWED"),
        ("a challenge", .startOK, BrokerBytes.method(0, 10, 20, BrokerBytes.long("?")), "SASL challenge"),
        ("no mechanism", .greeting, BrokerBytes.start(mechanisms: ""), "does not offer PLAIN"),
        (
            "64 KiB of mechanisms without ours", .greeting,
            BrokerBytes.start(mechanisms: Array(repeating: "SCRAM-SHA-9999", count: 4369).joined(separator: " ")),
            "does not offer PLAIN"
        ),
    ]

    @Test(arguments: refusals.indices)
    func `a refusal ends the attempt, and the client's next one begins with the next host`(index: Int) async throws {
        let refusal = Self.refusals[index]
        try await withLiar(Reaction.wellBehaved(until: refusal.step) { _ in .send(refusal.bytes) }) {
            liar, good, configuration in
            let error = await failure { _ = try await AMQPConnection.connect(configuration, logger: quietLogger) }
            #expect(error?.code == .authenticationRefused)
            #expect(error?.message.contains(refusal.word) == true, "\(error?.message ?? "-")")
            #expect((error?.message.count ?? 0) < 300)
            #expect(good.connectionCount == 0)
            var recovery = RecoveryPolicy(initialDelay: .milliseconds(20), maximumDelay: .milliseconds(100))
            recovery.refusedDelay = .milliseconds(50)
            let client = AMQPClient(configuration: configuration, recovery: recovery, logger: quietLogger)
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { try await client.run() }
                try await client.waitUntilConnected(timeout: namingPromise)
                #expect(good.connectionCount == 1)
                await client.shutdown()
                try await group.waitForAll()
            }
        }
    }

    @Test func `the host that refused comes last, not the one that is down`() async throws {
        let refusal = BrokerBytes.close(403, "ACCESS_REFUSED - wrong")
        try await withLiar(Reaction.wellBehaved(until: .startOK) { _ in .send(refusal) }) { liar, good, configuration in
            var configuration = configuration
            configuration.hosts.insert(.init(name: "127.0.0.1", port: 1), at: 0)
            var recovery = RecoveryPolicy(initialDelay: .milliseconds(20), maximumDelay: .milliseconds(100))
            recovery.refusedDelay = .milliseconds(50)
            try await withClient(configuration, recovery: recovery) { client in
                try await client.waitUntilConnected(timeout: .seconds(20))
                #expect(good.connectionCount == 1)
                #expect(liar.connectionCount == 1)
            }
        }
    }

    @Test func `a host that takes the login and no more comes last`() async throws {
        let isFollower: @Sendable (ReceivedCall) -> Bool = { ($0.method.classID, $0.method.methodID) == (20, 10) }
        let script: Reaction.Script = { isFollower($0) ? .sendAndHangUp([]) : Reaction.wellBehaved($0) }
        try await withLiar(script) { liar, good, configuration in
            try await withClient(configuration) { client in
                client.onConnect("opens a channel") { _ = try await $0.openChannel() }
            } _: { client in
                try await client.waitUntilConnected(timeout: .seconds(20))
                #expect(good.connectionCount == 1)
                #expect(liar.connectionCount == 1)
            }
        }
    }

    /// Unusual, but no lie.
    static let oddities: [(name: String, step: Reaction.Step, reaction: Reaction)] =
        [
            ("no limit of frames", .startOK, .send(BrokerBytes.tune(frameMax: 0, heartbeat: 0))),
            ("frames of 4 GiB", .startOK, .send(BrokerBytes.tune(frameMax: .max, heartbeat: 0))),
            ("the smallest frames", .startOK, .send(BrokerBytes.tune(frameMax: 4096, heartbeat: 0))),
            ("no limit of channels", .startOK, .send(BrokerBytes.tune(channelMax: 0, heartbeat: 0))),
            ("65 535 channels", .startOK, .send(BrokerBytes.tune(channelMax: .max, heartbeat: 0))),
            ("one channel", .startOK, .send(BrokerBytes.tune(channelMax: 1, heartbeat: 0))),
            ("heartbeats every second", .startOK, .send(BrokerBytes.tune(heartbeat: 1))),
            ("heartbeats every 65 535 s", .startOK, .send(BrokerBytes.tune(heartbeat: .max))),
            ("a start in single bytes", .greeting, .drip(BrokerBytes.start())),
            ("heartbeats before the start", .greeting, .send(BrokerBytes.heartbeat + BrokerBytes.start())),
            (
                "a list of mechanisms of 64 KiB", .greeting,
                .send(BrokerBytes.start(mechanisms: String(repeating: "X-NEW ", count: 10_922) + "PLAIN"))
            ),
            (
                "text after open-ok's own", .open,
                .send(BrokerBytes.method(0, 10, 41, BrokerBytes.short(String(repeating: "h", count: 255))))
            ),
        ]
        + HostileTables.odd.map {
            ("server properties: \($0.name)", .greeting, .send(BrokerBytes.start(properties: $0.bytes)))
        }

    @Test(arguments: oddities.indices) func `what is odd but allowed is connected to`(index: Int) async throws {
        let oddity = Self.oddities[index]
        try await withLiar(Reaction.wellBehaved(until: oddity.step) { _ in oddity.reaction }) {
            odd, _, configuration in
            let connection = try await AMQPConnection.connect(configuration, logger: quietLogger)
            #expect(connection.host == odd.host, "\(oddity.name)")
            let channel = try await connection.openChannel()
            #expect(try await channel.purgeQueue("queue") == 0)
            await connection.close()
        }
    }

    @Test func `garbage after the TLS handshake is named, and the next host is used`() async throws {
        let workshop = try await CertificateWorkshop.shared()
        let context = try await workshop.issue("liar").serverContext()
        let garbage = (0..<4096).map { UInt8(truncatingIfNeeded: 0xF5 &+ $0 &* 37) }
        try await withLiar(tls: context, Reaction.wellBehaved(until: .greeting) { _ in .send(garbage) }) {
            liar, good, configuration in
            var configuration = configuration
            configuration.tls = TLSOptions(caFile: workshop.authority.certificateFile)
            let (error, _, host) = try await connect(configuration, to: liar)
            #expect(error?.code == .protocolViolation)
            #expect(error?.message.contains("no AMQP broker") == true)
            #expect(host == good.host)
        }
    }
}
