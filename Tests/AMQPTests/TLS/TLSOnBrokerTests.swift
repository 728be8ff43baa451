import HarebellDevelopment
import TestSupport
import Testing

@testable import AMQP

/// A RabbitMQ node that talks TLS, to clients with a certificate of the workshop's authority only; one for the suite.
private enum TLSBroker {
    private static let started = Task {
        let workshop = try await CertificateWorkshop.shared()
        let server = try await workshop.issue("broker")
        let tls = BrokerTLS(
            caFile: workshop.authority.certificateFile, certificateFile: server.certificateFile,
            keyFile: server.keyFile)
        return try await PrivateBroker.start(
            in: TemporaryDirectory.make(prefix: "harebell-tests"), tls: tls, logger: quietLogger)
    }

    static func shared() async throws -> PrivateBroker {
        try await started.value
    }
}

@Suite(.timeLimit(.minutes(3))) struct `TLS on a broker` {
    /// The node, and how to reach it with a client certificate.
    private func node(
        _ client: CertificateWorkshop.Identity? = nil, passphrase: String? = nil
    ) async throws -> (broker: PrivateBroker, configuration: AMQPConfiguration) {
        let broker = try await TLSBroker.shared()
        let workshop = try await CertificateWorkshop.shared()
        var configuration = AMQPConfiguration(hosts: [.init(name: "localhost", port: broker.tlsPort)])
        configuration.credentials = .plain(username: broker.user, password: broker.password)
        configuration.tls = TLSOptions(
            caFile: workshop.authority.certificateFile, certificateFile: client?.certificateFile,
            keyFile: client?.keyFile, keyPassphrase: passphrase)
        configuration.connectTimeout = .seconds(30)
        return (broker, configuration)
    }

    private func connectError(_ configuration: AMQPConfiguration) async -> AMQPError? {
        await failure {
            let connection = try await AMQPConnection.connect(configuration, logger: quietLogger)
            _ = try await connection.openChannel()
            await connection.close()
        }
    }

    /// Sends a message through a queue of its own; the broker refuses a user id that is not the connection's.
    private func roundTrip(_ configuration: AMQPConfiguration, as user: String) async throws {
        let connection = try await AMQPConnection.connect(configuration, logger: quietLogger)
        let channel = try await connection.openChannel(confirms: true)
        let queue = try await channel.declareQueue("", durable: false, exclusive: true).name
        var message = OutgoingMessage.test(Array(repeating: 7, count: 300_000), exchange: "", key: queue)
        message.properties.userID = user
        try await channel.publish(message)
        let delivery = try await channel.get(queue)
        #expect(delivery?.body == message.body)
        #expect(delivery?.acknowledge() == true)
        await connection.close()
    }

    private func uniqueUser(_ broker: PrivateBroker) async throws -> String {
        let name = uniqueName("worker")
        try await broker.addUser(name, password: uniqueName("secret"), configure: ".*", write: ".*", read: ".*")
        return name
    }

    @Test func `a user with a password, over TLS`() async throws {
        let client = try await CertificateWorkshop.shared().issue("somebody", usage: "clientAuth")
        let (broker, configuration) = try await node(client)
        try await roundTrip(configuration, as: broker.user)
    }

    @Test(arguments: [CertificateWorkshop.Key.ec, .rsa, .encrypted(passphrase: "correct horse")])
    func `a client certificate logs in with EXTERNAL and an empty identity`(key: CertificateWorkshop.Key) async throws {
        let user = try await uniqueUser(TLSBroker.shared())
        let client = try await CertificateWorkshop.shared().issue(user, names: nil, usage: "clientAuth", key: key)
        let passphrase = if case .encrypted(let passphrase) = key { passphrase } else { String?.none }
        var (_, configuration) = try await node(client, passphrase: passphrase)
        configuration.credentials = .external
        try await roundTrip(configuration, as: user)
    }

    @Test func `the broker changes the keys of TLS 1.3 while messages flow, and nothing is lost`() async throws {
        let client = try await CertificateWorkshop.shared().issue("somebody", usage: "clientAuth")
        let (broker, configuration) = try await node(client)
        let connection = try await AMQPConnection.connect(configuration, logger: quietLogger)
        let channel = try await connection.openChannel(confirms: true)
        let queue = try await channel.declareQueue("", durable: false, exclusive: true).name
        let answer = Recorder<String>()
        var count = 0
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                // RFC 8446 §4.6.3, and asks us to change ours.
                answer.record(
                    try await broker.evaluate(
                        """
                        F = fun F(T) when element(1, T) =:= sslsocket -> [T];
                                F(T) when is_tuple(T) -> lists:flatmap(F, tuple_to_list(T));
                                F(_) -> [] end,
                        [catch ssl:update_keys(S, read_write) || P <- rabbit_networking:connections(),
                            S <- F(catch sys:get_state(P)), _ <- lists:seq(1, 3)].
                        """))
            }
            while answer.values.isEmpty || count < 200 {
                let body = [UInt8](repeating: 7, count: 5000)
                let messages = (0..<20).map { _ in OutgoingMessage.test(body, exchange: "", key: queue) }
                let outcomes = await channel.publish(messages)
                try #require(outcomes.allSatisfy { $0.failure == nil })
                count += messages.count
                try #require(try await channel.get(queue)?.acknowledge() == true)
                count -= 1
            }
            try await group.waitForAll()
        }
        #expect(answer.values.first?.contains("ok,ok,ok") == true, "\(answer.values)")
        #expect(try await channel.purgeQueue(queue) == UInt32(count))
        await connection.close()
    }

    @Test func `the same as a URI`() async throws {
        let user = try await uniqueUser(TLSBroker.shared())
        let workshop = try await CertificateWorkshop.shared()
        let client = try await workshop.issue(user, usage: "clientAuth", key: .encrypted(passphrase: "p&ss"))
        let port = try #require(try await TLSBroker.shared().tlsPort)
        let uri =
            "amqps://localhost:\(port)/%2F?auth_mechanism=external&cacertfile=\(workshop.authority.certificateFile)"
            + "&certfile=\(client.certificateFile)&keyfile=\(client.keyFile)&password=p%26ss"
        let configuration = try AMQPConfiguration(uri: uri)
        #expect(!"\(configuration)".contains("p&ss"))
        try await roundTrip(configuration, as: user)
    }

    @Test func `a certificate whose name is no user is a refused login`() async throws {
        let client = try await CertificateWorkshop.shared().issue(uniqueName("nobody"), usage: "clientAuth")
        var (_, configuration) = try await node(client)
        configuration.credentials = .external
        let error = await connectError(configuration)
        #expect(error?.code == .authenticationRefused)
        #expect(error?.description.contains("must be a user of the broker") == true, "\(error?.description ?? "-")")
    }

    @Test func `a wrong password is a refused login, and no error shows it`() async throws {
        let client = try await CertificateWorkshop.shared().issue("somebody", usage: "clientAuth")
        var (broker, configuration) = try await node(client)
        configuration.credentials = .plain(username: broker.user, password: "not-the-password")
        let error = await connectError(configuration)
        #expect(error?.code == .authenticationRefused)
        #expect(error?.replyCode == 403)
        #expect(error?.description.contains("not-the-password") == false)
    }

    @Test func `a client certificate that is missing or not accepted is told`() async throws {
        let workshop = try await CertificateWorkshop.shared()
        let expired = try await workshop.issue("old", usage: "clientAuth", until: "20210101000000Z")
        let stranger = try await workshop.issue("stranger", usage: "clientAuth", by: workshop.stranger)
        let server = try await workshop.issue("server", usage: "serverAuth")
        let cases: [(CertificateWorkshop.Identity?, String)] = [
            (nil, "demands a client certificate"), (expired, "expired"),
            (stranger, "does not know the authority of our certificate"), (server, "refused our certificate"),
        ]
        for (client, words) in cases {
            let (broker, configuration) = try await node(client)
            let error = await connectError(configuration)
            #expect(error?.code == .tlsFailed)
            #expect(error?.description.contains(words) == true, "\(error?.description ?? "-")")
            #expect(error?.description.contains(broker.password) == false)
        }
    }

    @Test func `another authority's file refuses the broker`() async throws {
        let workshop = try await CertificateWorkshop.shared()
        var (_, configuration) = try await node(try await workshop.issue("somebody", usage: "clientAuth"))
        configuration.tls?.caFile = workshop.stranger.certificateFile
        let error = await connectError(configuration)
        #expect(error?.message.contains("signed by \"test authority\", which is not in the authority file") == true)
    }

    @Test func `the plain port of a broker is no port for TLS`() async throws {
        var (broker, configuration) = try await node(nil)
        configuration.hosts[0].port = broker.port
        let error = await connectError(configuration)
        // It answers in the clear and hangs up at once: which of both comes first is not ours to say.
        let words = ["does not speak TLS", "may be no port for TLS"]
        #expect(words.contains { error?.description.contains($0) == true }, "\(error?.description ?? "-")")
    }

    @Test func `a client certificate that was renewed is used at the next connect`() async throws {
        let workshop = try await CertificateWorkshop.shared()
        let broker = try await TLSBroker.shared()
        let users = [try await uniqueUser(broker), try await uniqueUser(broker)]
        let files = try await workshop.issue(users[0], usage: "clientAuth")
        let renewed = try await workshop.issue(users[1], usage: "clientAuth")
        var (_, configuration) = try await node(files)
        configuration.credentials = .external
        try await withClient(configuration) { client in
            func send(as user: String) async -> AMQPError? {
                await failure {
                    try await client.withChannel(confirms: true) { channel in
                        let queue = try await channel.declareQueue("", durable: false, exclusive: true).name
                        var message = OutgoingMessage.test(exchange: "", key: queue)
                        message.properties.userID = user
                        try await channel.publish(message)
                    }
                }
            }
            #expect(await send(as: users[0]) == nil)
            #expect(await send(as: users[1])?.replyCode == 406)
            try workshop.replace(files, with: renewed)
            try await client.withConnection { await $0.close() }
            try await eventually("the new certificate is used") { await send(as: users[1]) == nil }
            #expect(await send(as: users[0])?.replyCode == 406)
        }
    }
}
