import AMQP
import CBaseline
import Foundation
import HarebellDevelopment
import Logging

/// The brokers of a run, started when it needs them and gone when it ends.
struct Brokers: Sendable {
    private(set) var all: [BrokerKind: BrokerUnderTest] = [:]
    private var node: PrivateBroker?
    private var null: Process?

    /// Starts what the plan needs; with a URL the user's broker takes the private node's place.
    static func start(
        _ kinds: Set<BrokerKind>, url: String?, directory: String, logger: Logger
    ) async throws -> Brokers {
        var brokers = Brokers()
        do {
            if kinds.contains(.rabbitmq) { try await brokers.startRabbitMQ(url, directory, logger) }
            if kinds.contains(.null) { try await brokers.startNull(logger) }
        } catch {
            await brokers.stop()
            throw error
        }
        return brokers
    }

    func stop() async {
        for broker in all.values { await broker.close() }
        await node?.stop()
        if let null, null.isRunning { kill(null.processIdentifier, SIGKILL) }
    }

    private mutating func startRabbitMQ(_ url: String?, _ directory: String, _ logger: Logger) async throws {
        if let url {
            let configuration = try AMQPConfiguration(uri: url)
            all[.rabbitmq] = try await BrokerUnderTest(
                configuration: configuration, tls: configuration.tls == nil ? nil : configuration, logger: logger)
            return
        }
        let listener = try await TLSListener.prepare(in: directory)
        let node = try await PrivateBroker.start(in: directory, management: false, logger: logger)
        self.node = node
        let configuration = try AMQPConfiguration(uri: node.url)
        all[.rabbitmq] = try await BrokerUnderTest(
            configuration: configuration, tls: listener?.configuration(configuration), logger: logger)
    }

    /// The null broker's standard output is the socket it listens on, and the end of its standard input ends it: it
    /// cannot outlive us.
    private mutating func startNull(_ logger: Logger) async throws {
        var port: Int32 = 0
        let listener = cbaseline_null_broker_listen(&port)
        guard listener >= 0 else { throw RunError("the null broker cannot listen: errno \(errno)") }
        let process = Process()
        process.executableURL = URL(fileURLWithPath: ChildRun.ownPath)
        process.arguments = ["null-broker"]
        process.standardInput = Pipe()
        process.standardOutput = FileHandle(fileDescriptor: listener, closeOnDealloc: true)
        try process.run()
        null = process
        let configuration = AMQPConfiguration(hosts: [.init(name: "127.0.0.1", port: Int(port))])
        all[.null] = try await BrokerUnderTest(configuration: configuration, logger: logger)
    }
}

/// The TLS listener of the private node, with a certificate made for this run.
struct TLSListener: Sendable {
    private let port: Int
    private let certificate: String

    /// Writes certificate, key and the node's configuration; `nil` where there is no openssl.
    static func prepare(in directory: String) async throws -> TLSListener? {
        let openssl = ["/usr/bin/openssl", "/opt/homebrew/bin/openssl", "/usr/local/bin/openssl"]
            .first { FileManager.default.isExecutableFile(atPath: $0) }
        guard let openssl else { return nil }
        let (certificate, key) = (directory + "/bench.crt", directory + "/bench.key")
        // Its own authority: the clients trust this one certificate.
        _ = try await ChildRun.output(
            openssl,
            [
                "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
                "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1",
                "-out", certificate, "-keyout", key, "-batch",
            ], isSilent: true)
        let port = try await LoopbackPort.free(1)[0]
        let lines = """
            listeners.ssl.1 = 127.0.0.1:\(port)
            ssl_options.cacertfile = \(certificate)
            ssl_options.certfile = \(certificate)
            ssl_options.keyfile = \(key)
            ssl_options.verify = verify_none

            """
        // The private node reads every file of this folder after its own.
        let folder = URL(fileURLWithPath: directory + "/conf.d")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        try Data(lines.utf8).write(to: folder.appendingPathComponent("tls.conf"))
        return TLSListener(port: port, certificate: certificate)
    }

    /// The same broker by this listener; by name, since librabbitmq verifies no address.
    func configuration(_ plain: AMQPConfiguration) -> AMQPConfiguration {
        var configuration = plain
        configuration.hosts = [.init(name: "localhost", port: port)]
        configuration.tls = TLSOptions(caFile: certificate)
        return configuration
    }
}
