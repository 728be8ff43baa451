import NIOCore
import NIOHTTP1
import NIOPosix

extension PrivateBroker {
    /// Returns when the node answers the AMQP protocol header, takes TLS connections, and the management API answers.
    func waitUntilReady(_ node: ChildProcess, limit: Duration = .seconds(120)) async throws {
        let end = ContinuousClock.now + limit
        while true {
            if await isReady() { return }
            guard node.status == nil else {
                throw DevelopmentError(
                    .startFailed, "RabbitMQ ended while starting. The last lines of its log:\n\(layout.lastLines())")
            }
            guard ContinuousClock.now < end else {
                throw DevelopmentError(
                    .startFailed,
                    "RabbitMQ was not ready within \(limit). The last lines of its log:\n\(layout.lastLines())")
            }
            // Nothing announces a listener; asking costs one refused connection.
            try await Task.sleep(for: .milliseconds(50))
        }
    }

    private func isReady() async -> Bool {
        guard (try? await within(.seconds(5), { try await self.handshakeIsAnswered() })) == true else { return false }
        // RabbitMQ opens this listener after the other; a test came in between.
        if let tlsPort {
            guard (try? await within(.seconds(5), { try await self.takesConnections(at: tlsPort) })) != nil else {
                return false
            }
        }
        guard let management else { return true }
        return (try? await management.send(.GET, "/api/whoami", deadline: .seconds(5)))?.status == 200
    }

    private func takesConnections(at port: Int) async throws {
        try await ClientBootstrap(group: .singletonMultiThreadedEventLoopGroup)
            .connectTimeout(.seconds(2)).connect(host: "127.0.0.1", port: port).get().close()
    }

    /// Sends the protocol header of AMQP 0-9-1 and waits for the first bytes of `connection.start`.
    private func handshakeIsAnswered() async throws -> Bool {
        let channel = try await ClientBootstrap(group: .singletonMultiThreadedEventLoopGroup)
            .connectTimeout(.seconds(2))
            .connect(host: "127.0.0.1", port: port) { channel in
                channel.eventLoop.makeCompletedFuture {
                    try NIOAsyncChannel<ByteBuffer, ByteBuffer>(wrappingChannelSynchronously: channel)
                }
            }
        return try await channel.executeThenClose { inbound, outbound in
            try await outbound.write(ByteBuffer(bytes: Array("AMQP".utf8) + [0, 0, 9, 1]))
            for try await answer in inbound { return answer.readableBytes > 0 }
            return false
        }
    }
}
