import Foundation
import NIOConcurrencyHelpers
import NIOSSL
import TestSupport
import Testing

@testable import AMQP

@Suite(.timeLimit(.minutes(3))) struct `TLS` {
    private func server(_ certificate: String, _ key: String) throws -> NIOSSLContext {
        try NIOSSLContext(
            configuration: .makeServerConfiguration(
                certificateChain: NIOSSLCertificate.fromPEMBytes(Array(certificate.utf8)).map { .certificate($0) },
                privateKey: .privateKey(NIOSSLPrivateKey(bytes: Array(key.utf8), format: .pem))))
    }

    /// Connects to a server with TLS; tells the error and how many bytes of AMQP the server saw.
    private func connect(
        certificate: String = TestCertificates.localhost, key: String = TestCertificates.localhostKey,
        authority: String = TestCertificates.authority, host: String = "localhost", serverName: String? = nil
    ) async throws -> (error: AMQPError?, bytes: Int) {
        try await withTemporaryDirectory { directory in
            let file = try write(authority, in: directory)
            return try await withScriptedBroker(tls: server(certificate, key)) { broker, configuration in
                var configuration = configuration
                configuration.hosts[0].name = host
                configuration.tls = TLSOptions(caFile: file, serverName: serverName)
                let error = await failure {
                    let connection = try await AMQPConnection.connect(configuration, logger: quietLogger)
                    _ = try await connection.openChannel()
                    await connection.close()
                }
                return (error, broker.byteCount.withLockedValue { $0 })
            }
        }
    }

    @Test(arguments: ["localhost", "127.0.0.1"]) func `a server verified by our authority is talked to`(host: String)
        async throws
    {
        let result = try await connect(host: host)
        #expect(result.error == nil)
        #expect(result.bytes > 100)
    }

    @Test func `another name can be asked for`() async throws {
        let result = try await connect(
            certificate: TestCertificates.elsewhere, key: TestCertificates.elsewhereKey, serverName: "elsewhere.example"
        )
        #expect(result.error == nil)
    }

    @Test func `a certificate of another authority is refused before a byte is sent`() async throws {
        let result = try await connect(authority: TestCertificates.otherAuthority)
        #expect(result.error?.code == .tlsFailed)
        #expect(result.bytes == 0)
    }

    @Test(arguments: ["localhost", "127.0.0.1"])
    func `a certificate of another name is refused before a byte is sent`(host: String) async throws {
        let result = try await connect(
            certificate: TestCertificates.elsewhere, key: TestCertificates.elsewhereKey, host: host)
        #expect(result.error?.code == .tlsFailed)
        #expect(result.bytes == 0)
    }

    @Test func `a server without TLS is refused before credentials are sent`() async throws {
        try await withTemporaryDirectory { directory in
            let file = try write(TestCertificates.authority, in: directory)
            try await withScriptedBroker { broker, configuration in
                var configuration = configuration
                configuration.tls = TLSOptions(caFile: file)
                configuration.connectTimeout = .seconds(1)
                let error = await failure {
                    _ = try await AMQPConnection.connect(configuration, logger: quietLogger)
                }
                #expect([.tlsFailed, .connectionFailed].contains(error?.code))
                #expect(!broker.received.values.contains { $0.classID == 10 })
            }
        }
    }

    @Test func `a missing authority file is named before anything is tried`() async {
        var configuration = AMQPConfiguration(hosts: [.init(name: "localhost")])
        configuration.tls = TLSOptions(caFile: "/no/such/file.pem")
        let error = await failure { _ = try await AMQPConnection.connect(configuration, logger: quietLogger) }
        #expect(error?.code == .tlsFailed)
    }

    private func write(_ text: String, in directory: String) throws -> String {
        let path = directory + "/authority.pem"
        try text.write(toFile: path, atomically: true, encoding: .utf8)
        return path
    }
}
