import NIOConcurrencyHelpers
import NIOSSL
import TestSupport
import Testing

@testable import AMQP

@Suite(.timeLimit(.minutes(3))) struct `TLS: who is talked to` {
    /// Connects to a scripted broker with TLS; tells the error and what the broker saw.
    private func connect(
        to context: NIOSSLContext, options: TLSOptions, host: String = "127.0.0.1"
    ) async throws -> (error: AMQPError?, bytes: Int) {
        try await withScriptedBroker(tls: context) { broker, configuration in
            var configuration = configuration
            configuration.hosts[0].name = host
            configuration.tls = options
            configuration.connectTimeout = .seconds(30)
            let error = await failure {
                let connection = try await AMQPConnection.connect(configuration, logger: quietLogger)
                _ = try await connection.openChannel()
                await connection.close()
            }
            return (error, broker.byteCount.withLockedValue { $0 })
        }
    }

    @Test(arguments: ["localhost", "127.0.0.1"])
    func `a server that our authority vouches for, by name and by address`(host: String) async throws {
        let workshop = try await CertificateWorkshop.shared()
        let server = try await workshop.issue("server").serverContext()
        let result = try await connect(
            to: server, options: TLSOptions(caFile: workshop.authority.certificateFile), host: host)
        #expect(result.error == nil)
        #expect(result.bytes > 100)
    }

    @Test(arguments: [CertificateWorkshop.Key.ec, .rsa])
    func `a wildcard stands for one label, with keys of either kind`(key: CertificateWorkshop.Key) async throws {
        let workshop = try await CertificateWorkshop.shared()
        let server = try await workshop.issue("any", names: "DNS:*.example.test", key: key).serverContext()
        let options = TLSOptions(caFile: workshop.authority.certificateFile, serverName: "Rabbit.example.test")
        let result = try await connect(to: server, options: options)
        #expect(result.error == nil)
    }

    @Test func `a chain over an authority in between is followed, over a server's certificate it is not`() async throws
    {
        let workshop = try await CertificateWorkshop.shared()
        for isAuthority in [true, false] {
            let between = try await workshop.issue("between", usage: nil, isAuthority: isAuthority)
            let leaf = try await workshop.issue("leaf", by: between)
            let server = try leaf.serverContext(chain: workshop.chain(leaf, between))
            let result = try await connect(to: server, options: TLSOptions(caFile: workshop.authority.certificateFile))
            #expect(result.error?.code == (isAuthority ? nil : .tlsFailed))
            #expect((result.bytes > 0) == isAuthority)
        }
    }

    @Test func `the broker's own certificate may be the authority file, and vouches for itself alone`() async throws {
        let workshop = try await CertificateWorkshop.shared()
        let extensions = ["basicConstraints=critical,CA:FALSE", "subjectAltName=DNS:own.example"]
        let own = try await workshop.selfSigned("own", extensions)
        var options = TLSOptions(caFile: own.certificateFile, serverName: "own.example")
        let alone = try await connect(to: own.serverContext(), options: options)
        #expect(alone.error == nil)
        let between = try await workshop.issue("between", usage: nil, isAuthority: true, by: own)
        let leaf = try await workshop.issue("leaf", names: "DNS:own.example", by: between)
        let chained = try await connect(to: leaf.serverContext(chain: workshop.chain(leaf, between)), options: options)
        #expect(chained.error?.code == .tlsFailed)
        #expect(chained.bytes == 0)
        options.serverName = "other.example"
        let elsewhere = try await connect(to: own.serverContext(), options: options)
        #expect(elsewhere.error?.message.contains("is for own.example, not for other.example") == true)
        #expect(elsewhere.bytes == 0)
    }

    @Test func `without an authority file the system's authorities count, and ours is none of them`() async throws {
        let workshop = try await CertificateWorkshop.shared()
        let result = try await connect(to: workshop.issue("server").serverContext(), options: TLSOptions())
        #expect(result.error?.message.contains("which is not in the system's authorities") == true)
        #expect(result.bytes == 0)
    }

    @Test func `without verification anybody is talked to, over TLS 1.2 at least`() async throws {
        let workshop = try await CertificateWorkshop.shared()
        let bad = try await workshop.issue("old", names: nil, until: "20210101000000Z", by: workshop.stranger)
        let options = TLSOptions(verifiesPeer: false)
        let result = try await connect(to: bad.serverContext(), options: options)
        #expect(result.error == nil)
        let old = try bad.serverContext {
            $0.minimumTLSVersion = .tlsv1
            $0.maximumTLSVersion = .tlsv11
        }
        #expect(try await connect(to: old, options: options).error?.code == .tlsFailed)
    }

    @Test(arguments: BadServer.all)
    func `a bad server gets no byte of AMQP, and the error tells the cause and the cure`(bad: BadServer) async throws {
        let workshop = try await CertificateWorkshop.shared()
        let caFile = try await bad.caFile?(workshop) ?? workshop.authority.certificateFile
        var configuration = AMQPConfiguration(hosts: [.init(name: "127.0.0.1")])
        configuration.tls = TLSOptions(caFile: caFile, serverName: bad.serverName)
        configuration.connectTimeout = .milliseconds(500)
        let error: AMQPError?
        let port: Int
        switch bad.behavior {
        case .certificate(let make, let change):
            configuration.connectTimeout = .seconds(30)
            let context = try await make(workshop).serverContext(change)
            (error, port) = try await withScriptedBroker(tls: context) { [configuration] broker, _ in
                var configuration = configuration
                configuration.hosts[0].port = broker.port
                let error = await failure {
                    _ = try await AMQPConnection.connect(configuration, logger: quietLogger)
                }
                #expect(broker.byteCount.withLockedValue { $0 } == 0)
                #expect(broker.received.values.isEmpty)
                return (error, broker.port)
            }
        case .clear(let answer):
            (error, port) = try await withRawServer(answer) { [configuration] port, received in
                var configuration = configuration
                configuration.hosts[0].port = port
                let error = await failure {
                    _ = try await AMQPConnection.connect(configuration, logger: quietLogger)
                }
                // A TLS record with a ClientHello (RFC 8446 §5.1), perhaps an alert, and nothing in clear text.
                let bytes = received.values.flatMap { $0 }
                #expect(bytes.starts(with: [22, 3]))
                let text = String(decoding: bytes, as: UTF8.self)
                for secret in ["AMQP", "guest", "PLAIN"] { #expect(!text.contains(secret)) }
                return (error, port)
            }
        }
        let text = try #require(error?.description)
        #expect(error?.code == bad.code)
        #expect(text.contains("127.0.0.1:\(port)"), "\(text)")
        for words in bad.words { #expect(text.contains(words), "\(text)") }
        #expect(!text.contains("guest"))
    }

    @Test func `garbage inside TLS ends the login before credentials are sent`() async throws {
        let workshop = try await CertificateWorkshop.shared()
        let context = try await workshop.issue("server").serverContext()
        try await withScriptedBroker(tls: context, { _ in Array("SSH-2.0-OpenSSH_9.2\r\n".utf8) }) {
            broker, configuration in
            var configuration = configuration
            configuration.tls = TLSOptions(caFile: workshop.authority.certificateFile)
            let error = await failure {
                _ = try await AMQPConnection.connect(configuration, logger: quietLogger)
            }
            #expect(error?.code == .protocolViolation)
            #expect(error?.description.contains("127.0.0.1:\(broker.port)") == true)
            #expect(broker.byteCount.withLockedValue { $0 } == 8)
        }
    }

    @Test func `a server that is mute after the handshake gets the protocol header and no more`() async throws {
        let workshop = try await CertificateWorkshop.shared()
        let context = try await workshop.issue("server").serverContext()
        try await withScriptedBroker(tls: context, ScriptedBroker.mute) { broker, configuration in
            var configuration = configuration
            configuration.tls = TLSOptions(caFile: workshop.authority.certificateFile)
            configuration.connectTimeout = .seconds(2)
            let error = await failure {
                _ = try await AMQPConnection.connect(configuration, logger: quietLogger)
            }
            #expect(error?.code == .connectionFailed)
            #expect(error?.message.contains("it was connected, but sent no connection.start") == true)
            #expect(broker.byteCount.withLockedValue { $0 } == 8)
        }
    }
}
