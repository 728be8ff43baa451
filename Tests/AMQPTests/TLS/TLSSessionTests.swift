import NIOConcurrencyHelpers
import NIOSSL
import TestSupport
import Testing

@testable import AMQP

@Suite(.timeLimit(.minutes(3))) struct `TLS: a connection's life` {
    private func withServer<R>(
        bytesPerWrite: Int? = nil, _ change: (inout TLSConfiguration) -> Void = { _ in },
        _ body: (ScriptedBroker, AMQPConfiguration) async throws -> R
    ) async throws -> R {
        let workshop = try await CertificateWorkshop.shared()
        let context = try await workshop.issue("server").serverContext(change)
        return try await withScriptedBroker(tls: context, bytesPerWrite: bytesPerWrite) { broker, configuration in
            var configuration = configuration
            configuration.tls = TLSOptions(caFile: workshop.authority.certificateFile)
            configuration.connectTimeout = .seconds(30)
            return try await body(broker, configuration)
        }
    }

    @Test(arguments: [TLSVersion.tlsv12, .tlsv13])
    func `records of one byte each make no difference`(version: TLSVersion) async throws {
        try await withServer(bytesPerWrite: 1) {
            $0.minimumTLSVersion = version
            $0.maximumTLSVersion = version
        } _: { _, configuration in
            let connection = try await AMQPConnection.connect(configuration, logger: quietLogger)
            let channel = try await connection.openChannel(confirms: true)
            await channel.close()
            await connection.close()
            #expect(await connection.waitUntilClosed() == nil)
        }
    }

    @Test func `a socket that ends without the alert for it ends what waits, like a peer that hangs up`() async throws {
        try await withServer { broker, configuration in
            let connection = try await AMQPConnection.connect(configuration, logger: quietLogger)
            let channel = try await connection.openChannel(confirms: true)
            async let published = failure { try await channel.publish(.test()) }
            try await eventually("the message came") { broker.received.values.contains { $0.classID == 60 } }
            try await broker.cutOff()
            #expect(await published?.code == .connectionClosed)
            #expect(await connection.waitUntilClosed()?.code == .connectionClosed)
        }
    }

    @Test func `a message larger than any record comes and goes whole`() async throws {
        try await withServer { broker, configuration in
            let connection = try await AMQPConnection.connect(configuration, logger: quietLogger)
            let channel = try await connection.openChannel()
            let before = broker.byteCount.withLockedValue { $0 }
            try await channel.publish(.test(Array(repeating: 1, count: 5 << 20)))
            try await eventually("all of it arrived") { broker.byteCount.withLockedValue { $0 } - before > 5 << 20 }
            await connection.close()
        }
    }

    @Test func `an authority file that was replaced is read again at the next connect`() async throws {
        try await withServer { _, configuration in
            let workshop = try await CertificateWorkshop.shared()
            var configuration = configuration
            let file = try workshop.chain(workshop.authority)
            configuration.tls?.caFile = file
            func connect() async -> AMQPError? {
                await failure { [configuration] in
                    let connection = try await AMQPConnection.connect(configuration, logger: quietLogger)
                    await connection.close()
                }
            }
            #expect(await connect() == nil)
            try workshop.write([workshop.stranger.certificateFile], to: file)
            #expect(await connect()?.code == .tlsFailed)
            try workshop.write([workshop.stranger.certificateFile, workshop.authority.certificateFile], to: file)
            #expect(await connect() == nil)
        }
    }
}
