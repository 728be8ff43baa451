import AMQP
import Logging
import TestSupport
import Testing

/// The code of the article about connecting, held to the page by a test of the catalogs.
@Suite struct `Examples of connecting` {
    private let logger = quietLogger

    @Test func `a URI`() throws {
        let configuration = try AMQPConfiguration(uri: "amqps://email:secret@rabbit-1,rabbit-2:5673/shop?heartbeat=5")
        #expect(configuration.hosts == [.init(name: "rabbit-1"), .init(name: "rabbit-2", port: 5673)])
        #expect(configuration.virtualHost == "shop")
        #expect(configuration.heartbeat == .seconds(5))
        #expect(!"\(configuration)".contains("secret"))
    }

    /// Compiled only: there are no such hosts.
    func connect(password: String) async throws {
        var configuration = AMQPConfiguration(
            hosts: [.init(name: "rabbit-1"), .init(name: "rabbit-2")], virtualHost: "shop",
            credentials: .plain(username: "email", password: password))
        configuration.connectionName = "email-worker"
        let connection = try await AMQPConnection.connect(configuration, logger: logger)
        await connection.close()
    }

    @Test func `TLS and a client certificate`() async throws {
        var configuration = AMQPConfiguration(hosts: [.init(name: "localhost", port: 1)])
        configuration.tls = TLSOptions(caFile: "/etc/shop/ca.pem")
        #expect(configuration.description.hasPrefix("amqps://"))
        configuration.tls = TLSOptions(
            caFile: "/etc/shop/ca.pem", certificateFile: "/etc/shop/email.pem", keyFile: "/etc/shop/email.key")
        configuration.credentials = .external
        // There is no such file, and that is what is told.
        await #expect {
            _ = try await AMQPConnection.connect(configuration, logger: logger)
        } throws: { error in
            "\(error)".contains("the authority file /etc/shop/ca.pem cannot be read")
        }
    }
}
