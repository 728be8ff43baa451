import HarebellTesting
import Logging
import NIOCore
import NIOPosix
import Testing

@testable import HarebellObservability

@Suite(.timeLimit(.minutes(1))) struct `The status server` {
    /// Runs a server on a free port for the time of the body.
    private func serving(_ body: @escaping @Sendable (Int) async throws -> Void) async throws {
        let ok = StatusReport([.init(name: "part", state: "fine", isOK: true)])
        let port = Observed<Int?>(nil)
        let routes = StatusRoutes(metrics: { _ in "a_total 1\n" }, live: { ok }, ready: { ok }, started: { ok }) {
            command, _ in "\(command)"
        }
        let server = StatusServer(
            port: 0, routes: routes, logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        ) { listening in port.update { $0 = listening } }
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await server.run() }
            try await port.wait { $0 != nil }
            try await body(port.value ?? 0)
            group.cancelAll()
        }
    }

    /// Sends bytes on a connection of its own and returns all that comes until the server closes it.
    private func exchange(_ port: Int, _ text: String) async throws -> String {
        let channel: NIOAsyncChannel<ByteBuffer, ByteBuffer> = try await ClientBootstrap(
            group: .singletonMultiThreadedEventLoopGroup
        ).connect(host: "127.0.0.1", port: port) { channel in
            channel.eventLoop.makeCompletedFuture {
                try NIOAsyncChannel(wrappingChannelSynchronously: channel)
            }
        }
        return try await channel.executeThenClose { inbound, outbound in
            try await outbound.write(ByteBuffer(string: text))
            var answer = ""
            do {
                for try await bytes in inbound { answer += String(buffer: bytes) }
            } catch is IOError {}  // A reset is an end too.
            return answer
        }
    }

    private func expect(_ port: Int, _ text: String, _ part: String) async throws {
        let answer = try await exchange(port, text)
        #expect(answer.contains(part))
    }

    private func expectRefusal(_ port: Int, _ text: String) async throws {
        let answer = try await exchange(port, text)
        #expect(!answer.contains("200 OK"))
    }

    @Test func `answers a probe and closes`() async throws {
        try await serving { port in
            let answer = try await exchange(port, "GET /readyz?verbose HTTP/1.1\r\nHost: 127.0.0.1:\(port)\r\n\r\n")
            #expect(answer.hasPrefix("HTTP/1.1 200 OK\r\n"))
            #expect(answer.contains("Connection: close\r\n"))
            #expect(answer.hasSuffix("\r\n\r\n{\"status\":\"ok\",\"checks\":{\"part\":\"fine\"}}\n"))
        }
    }

    @Test func `answers HEAD without a body`() async throws {
        try await serving { port in
            let answer = try await exchange(port, "HEAD /livez HTTP/1.1\r\nHost: localhost\r\n\r\n")
            #expect(answer.hasPrefix("HTTP/1.1 200 OK\r\n"))
            #expect(answer.hasSuffix("\r\n\r\n"))
        }
    }

    @Test func `does a command with a body, and refuses one that is too large`() async throws {
        try await serving { port in
            let head = "PUT /control/prefetch HTTP/1.1\r\nHost: localhost\r\nContent-Length: "
            try await expect(port, head + "2\r\n\r\n50", "prefetch(50)")
            let large = String(repeating: "1", count: 5_000)
            try await expect(port, head + "5000\r\n\r\n" + large, "HTTP/1.1 413")
        }
    }

    @Test func `a repeated Host, a huge head and nonsense change nothing`() async throws {
        try await serving { port in
            let twice = "POST /control/pause HTTP/1.1\r\nHost: localhost\r\nHost: evil.example\r\n\r\n"
            try await expectRefusal(port, twice)
            let huge = "GET /livez HTTP/1.1\r\nHost: localhost\r\nX: \(String(repeating: "x", count: 100_000))\r\n\r\n"
            try await expectRefusal(port, huge)
            try await expectRefusal(port, "\u{1}\u{2}nonsense\r\n\r\n")
            try await expect(port, "GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n", "200 OK")
        }
    }

    @Test func `connections that say nothing do not keep others from being answered for long`() async throws {
        try await serving { port in
            let silent = try await withThrowingTaskGroup(of: (any Channel).self) { group in
                for _ in 0..<StatusServer.maximumConnections {
                    group.addTask {
                        try await ClientBootstrap(group: .singletonMultiThreadedEventLoopGroup)
                            .connect(host: "127.0.0.1", port: port).get()
                    }
                }
                return try await group.reduce(into: []) { $0.append($1) }
            }
            // The server closes each of them; the test waits for that and for nothing else.
            for channel in silent { try await channel.closeFuture.get() }
            try await expect(port, "GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n", "200 OK")
        }
    }

    @Test func `a port that is taken is an error that names it`() async throws {
        try await serving { port in
            let ok = StatusReport([])
            let second = StatusServer(
                port: port, routes: StatusRoutes(metrics: { _ in "" }, live: { ok }, ready: { ok }, started: { ok }),
                logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
            let error = await #expect(throws: StatusServerError.self) { try await second.run() }
            #expect(error?.description.contains("127.0.0.1 port \(port)") == true)
        }
    }
}
