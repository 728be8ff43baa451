import NIOCore
import NIOPosix
import TestSupport

@testable import AMQP

/// Runs a test with a port of loopback on which nothing answers, not even TCP; `sockets` of ours wait there already.
///
/// Nobody accepts what the server has, so its queue is full and the kernel drops every further attempt, as a firewall
/// does.
func withBlackHole<R>(_ body: (_ port: Int, _ sockets: Int) async throws -> R) async throws -> R {
    let group = MultiThreadedEventLoopGroup.singleton
    let server = try await ServerBootstrap(group: group)
        .serverChannelOption(.backlog, value: 1)
        .serverChannelOption(.autoRead, value: false)
        .bind(host: "127.0.0.1", port: 0).get()
    let port = server.localAddress?.port ?? 0
    let fillers = 4
    let attempts = (0..<fillers).map { _ in
        ClientBootstrap(group: group).connectTimeout(.seconds(600)).channelInitializer { filler in
            server.closeFuture.whenComplete { _ in filler.close(promise: nil) }
            return filler.eventLoop.makeSucceededVoidFuture()
        }.connect(host: "127.0.0.1", port: port)
    }
    func stop() async {
        try? await server.close()
        for attempt in attempts { _ = try? await attempt.get().closeFuture.get() }
    }
    do {
        try await eventually("the queue is full") { openSockets(to: port) ?? fillers == fillers }
        let result = try await body(port, fillers)
        await stop()
        return result
    } catch {
        await stop()
        throw error
    }
}
