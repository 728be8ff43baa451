import HarebellDevelopment
import NIOCore
import TestSupport
import Testing

@testable import AMQP

/// What a real broker refuses is told in a sentence: what happened, on what, and what to do.
@Suite(.timeLimit(.minutes(3))) struct `Refusals of a broker` {
    private func connectError(_ url: String) async throws -> AMQPError? {
        let configuration = try AMQPConfiguration(uri: url)
        return await failure { _ = try await AMQPConnection.connect(configuration, logger: quietLogger) }
    }

    /// How a connection ends after bytes that no client should send.
    private func end(after bytes: [UInt8]) async throws -> AMQPError? {
        try await withConnection { connection in
            let channel = try await connection.openChannel()
            connection.core.perform { machine in
                machine.out.frames.append(ByteBuffer(bytes: bytes))
                machine.wantWake()
            }
            let error = await connection.waitUntilClosed()
            #expect(!channel.isOpen)
            return error
        }
    }

    @Test func `permissions name the user, the right and the thing`() async throws {
        try await withVirtualHost { host, url in
            let owner = try await AMQPConnection.connect(AMQPConfiguration(uri: url), logger: quietLogger)
            let setup = try await owner.openChannel()
            try await setup.declareExchange("loan.paid-out", type: .fanout)
            try await setup.declareQueue("email")
            let user = uniqueName("worker")
            let password = uniqueName("secret")
            try await host.broker.addUser(
                user, password: password, virtualHost: host.name, configure: "^$", write: "^mine$", read: "^mine$")
            let limited = host.broker.url(user: user, password: password, virtualHost: host.name)
            let connection = try await AMQPConnection.connect(AMQPConfiguration(uri: limited), logger: quietLogger)
            let cure = "in virtual host \"\(host.name)\": grant it with rabbitmqctl set_permissions"
            let refused = "403 ACCESS_REFUSED: user \"\(user)\" may not"
            #expect(
                try await refusal(on: connection, confirms: true) {
                    try await $0.publish(.test(exchange: "loan.paid-out"))
                }
                    == "\(refused) write to exchange \"loan.paid-out\" \(cure)")
            #expect(
                try await refusal(on: connection, confirms: true) {
                    try await $0.publish(.test(exchange: "", key: "email"))
                }
                    == "\(refused) write to the default exchange \(cure)")
            #expect(
                try await refusal(on: connection) { _ = try await $0.consume("email", prefetch: 1) }
                    == "\(refused) read from queue \"email\" \(cure)")
            #expect(
                try await refusal(on: connection) { try await $0.declareQueue("pdf") }
                    == "\(refused) configure queue \"pdf\" \(cure)")
            #expect(
                try await refusal(on: connection) { try await $0.deleteExchange("loan.paid-out") }
                    == "\(refused) configure exchange \"loan.paid-out\" \(cure)")
            await connection.close()
            let elsewhere = try await connectError(
                host.broker.url(user: user, password: password, virtualHost: "/"))
            #expect(elsewhere?.code == .authenticationRefused)
            #expect(
                elsewhere?.description.hasSuffix(
                    "530 NOT_ALLOWED: user \"\(user)\" may not use virtual host \"/\": grant it with rabbitmqctl "
                        + "set_permissions") == true, "\(elsewhere?.description ?? "-")")
            let login = try await connectError(
                host.broker.url(user: user, password: "not-\(password)", virtualHost: host.name))
            #expect(login?.code == .authenticationRefused)
            #expect(
                login?.description.hasSuffix(
                    "403 ACCESS_REFUSED: the login was refused: check user name and password; the broker's log tells "
                        + "which it is") == true, "\(login?.description ?? "-")")
            #expect(login?.description.contains(password) == false)
            await owner.close()
            try await host.broker.removeUser(user)
        }
    }

    @Test func `virtual hosts that are missing, full or deleted`() async throws {
        let broker = try await TestBroker.shared()
        let missing = try await connectError(broker.url(virtualHost: "nowhere"))
        #expect(missing?.code == .authenticationRefused)
        #expect(
            missing?.description.hasSuffix(
                "530 NOT_ALLOWED: there is no virtual host \"nowhere\": create it with rabbitmqctl add_vhost, or check "
                    + "the name") == true, "\(missing?.description ?? "-")")
        try await withVirtualHost { host, url in
            let connection = try await AMQPConnection.connect(AMQPConfiguration(uri: url), logger: quietLogger)
            let user = uniqueName("worker")
            let password = uniqueName("secret")
            try await broker.addUser(
                user, password: password, virtualHost: host.name, configure: "", write: "", read: "")
            try await broker.evaluate(
                """
                rabbit_vhost_limit:set(<<"\(host.name)">>, [{<<"max-connections">>, 1}], none),
                rabbit_auth_backend_internal:set_user_limits(<<"\(user)">>, #{<<"max-connections">> => 0}, none).
                """)
            let full = try await connectError(url)
            #expect(
                full?.description.hasSuffix(
                    "530 NOT_ALLOWED: virtual host \"\(host.name)\" has all the 1 connections that it may have: close "
                        + "some, or raise the limit with rabbitmqctl set_vhost_limits") == true,
                "\(full?.description ?? "-")")
            try await broker.evaluate("rabbit_vhost_limit:clear(<<\"\(host.name)\">>, none).")
            let limited = try await connectError(broker.url(user: user, password: password, virtualHost: host.name))
            #expect(
                limited?.description.hasSuffix(
                    "530 NOT_ALLOWED: user \"\(user)\" has all the 0 connections that it may have: close some, or raise "
                        + "the limit with rabbitmqctl set_user_limits") == true, "\(limited?.description ?? "-")")
            try await broker.removeUser(user)
            try await broker.removeVirtualHost(host.name)
            let forced = await connection.waitUntilClosed()
            #expect(forced?.code == .connectionClosed)
            #expect(forced?.isRetriable == true)
            // The order of the broker's own steps decides which.
            let reasons = ["down", "deleted"].map { reason in
                "320 CONNECTION_FORCED: the broker ended the connection: vhost '\(host.name)' is \(reason): connect again, a "
                    + "client does so by itself"
            }
            #expect(reasons.contains(forced?.description ?? "-"), "\(forced?.description ?? "-")")
        }
    }

    @Test func `an exchange type that the broker does not have is not taken for a defect of ours`() async throws {
        try await withConnection { connection in
            let error = try await refusal(on: connection) {
                try await $0.declareExchange("e", type: "x-delayed-message")
            }
            #expect(
                error?.hasSuffix("check its name, or enable the plug-in that it comes with") == true, "\(error ?? "-")")
            #expect(error?.contains("x-delayed-message") == true)
        }
    }

    static let brokenFrames: [(UInt16, [UInt8])] = [
        (501, BrokerBytes.frame(3, 1, Array("a secret".utf8)).dropLast() + [0]),
        (503, BrokerBytes.method(1, 60, 11)), (504, BrokerBytes.method(1, 20, 10, [0])),
        (505, BrokerBytes.frame(3, 1, Array("a secret".utf8))),
    ]

    @Test(arguments: brokenFrames) func `frames that are none are our defect, and no byte of them is told`(
        code: UInt16, bytes: [UInt8]
    ) async throws {
        let error = try #require(try await end(after: bytes))
        #expect(error.code == .connectionClosed)
        #expect(error.replyCode == code, "\(error)")
        #expect(
            error.description.hasPrefix("\(code) \(BrokerReply.name(of: code)): the broker did not accept what this"))
        #expect(error.description.hasSuffix("this is a defect, please report it"))
        let words = ["secret", "<<", "115,101", "{"]
        #expect(!words.contains { error.description.contains($0) }, "\(error)")
    }
}
