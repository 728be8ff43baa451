public import Logging
import NIOCore
import NIOHTTP1
import NIOPosix
public import ServiceLifecycle
import Synchronization

/// Serves probes, metrics and control over HTTP, on a port of its own.
///
/// Made to be small and hard to hold up: one request per connection, which has ``timeLimit`` from its beginning to its
/// end, a few connections at a time, small heads and bodies.
public struct StatusServer: Service {
    /// How long a connection may last.
    static let timeLimit: Duration = .seconds(10)
    static let maximumConnections = 32
    static let maximumBody = 1 << 10

    private let host: String
    private let port: Int
    private let routes: StatusRoutes
    private let logger: Logger
    private let onListening: @Sendable (Int) -> Void

    /// A server that listens once it runs.
    /// - Parameters:
    ///   - host: the address to listen on.
    ///   - port: the port; 0 for a free one, which the log tells.
    ///   - routes: what it answers.
    ///   - logger: where it says that it listens.
    ///   - onListening: called with the port.
    public init(
        host: String = "127.0.0.1", port: Int, routes: StatusRoutes, logger: Logger,
        onListening: @escaping @Sendable (Int) -> Void = { _ in }
    ) {
        self.host = host
        self.port = port
        self.routes = routes
        self.logger = logger
        self.onListening = onListening
    }

    private typealias Connection = NIOAsyncChannel<HTTPServerRequestPart, HTTPPart<HTTPResponseHead, ByteBuffer>>

    /// Serves until graceful shutdown or cancellation.
    /// - Throws: when it cannot listen.
    public func run() async throws {
        let server = try await listen()
        let address = server.channel.localAddress
        let routes = routes(isLoopbackOnly: address?.isLoopback ?? true)
        logger.info(
            "status server listens",
            metadata: ["address": "http://\(host.contains(":") ? "[\(host)]" : host):\(address?.port ?? port)"])
        onListening(address?.port ?? port)
        let open = OpenConnections()
        try await cancelWhenGracefulShutdown {
            try await server.executeThenClose { connections in
                await withDiscardingTaskGroup { group in
                    // When the listener fails there is nothing left to serve; the process goes on without it.
                    do {
                        for try await connection in connections {
                            group.addTask {
                                let isAdmitted =
                                    open.count.wrappingAdd(1, ordering: .relaxed).newValue <= Self.maximumConnections
                                await Self.serve(connection, isAdmitted ? routes : nil)
                                open.count.wrappingSubtract(1, ordering: .relaxed)
                            }
                        }
                    } catch {
                        logger.error("status server ended", metadata: ["error": "\(error)"])
                    }
                    group.cancelAll()
                }
            }
        }
    }

    private func routes(isLoopbackOnly: Bool) -> StatusRoutes {
        var routes = routes
        routes.isLoopbackOnly = isLoopbackOnly
        return routes
    }

    private func listen() async throws -> NIOAsyncChannel<Connection, Never> {
        do {
            return try await ServerBootstrap(group: .singletonMultiThreadedEventLoopGroup)
                .serverChannelOption(.backlog, value: 64)
                .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
                .bind(host: host, port: port) { channel in
                    channel.eventLoop.makeCompletedFuture { try Self.prepare(channel) }
                }
        } catch {
            throw StatusServerError(
                description: "the status server cannot listen on \(host) port \(port): \(error)")
        }
    }

    private static func prepare(_ channel: any Channel) throws -> Connection {
        let pipeline = channel.pipeline.syncOperations
        var limits = NIOHTTPDecoderLimitConfiguration()
        limits.maxHeaderFieldSize = 4 << 10
        limits.maxHeaderListSize = 16 << 10
        limits.maxHeaderFieldCount = 64
        try pipeline.addHandler(HTTPResponseEncoder())
        try pipeline.addHandler(
            ByteToMessageHandler(HTTPRequestDecoder(leftOverBytesStrategy: .dropBytes, limitConfiguration: limits)))
        try pipeline.addHandler(HTTPServerProtocolErrorHandler())
        try pipeline.addHandler(ResponseParts())
        let deadline = channel.eventLoop.scheduleTask(in: .nanoseconds(Int64(timeLimit / .nanoseconds(1)))) {
            channel.close(promise: nil)
        }
        channel.closeFuture.whenComplete { _ in deadline.cancel() }
        return try Connection(wrappingChannelSynchronously: channel)
    }

    private final class OpenConnections: Sendable {
        let count = Atomic<Int>(0)
    }

    /// Answers the connection's one request; a client that breaks the rules is disconnected, and so is one too many.
    private static func serve(_ connection: Connection, _ routes: StatusRoutes?) async {
        let isLocal = connection.channel.remoteAddress?.isLoopback ?? false
        try? await connection.executeThenClose { inbound, outbound in
            guard let routes else { return }
            var request: StatusRequest?
            var isHead = false
            for try await part in inbound {
                switch part {
                case .head(let head):
                    isHead = head.method == .HEAD
                    request = StatusRequest(head, isLocal: isLocal)
                case .body(let bytes):
                    request?.body += Array(bytes.readableBytesView)
                    guard request?.body.count ?? 0 <= maximumBody else {
                        return try await outbound.write(
                            contentsOf: StatusResponse.problem(413, "the body is too large").parts(isHead: false))
                    }
                case .end:
                    guard let request else { return }
                    let response = await routes.answer(request)
                    return try await outbound.write(contentsOf: response.parts(isHead: isHead))
                }
            }
        }
    }
}

/// The status server could not listen.
struct StatusServerError: Error, CustomStringConvertible {
    let description: String
}

extension StatusRequest {
    fileprivate init(_ head: HTTPRequestHead, isLocal: Bool) {
        let path = head.uri.prefix { $0 != "?" && $0 != "#" }
        self.init(method: head.method.rawValue, path: String(path), isLocal: isLocal)
        for (name, value) in head.headers {
            let name = name.lowercased()
            // A repeated Host is a trick; both together match no name.
            fields[name] = fields[name].map { "\($0), \(value)" } ?? value
        }
    }
}

extension StatusResponse {
    fileprivate func parts(isHead: Bool) -> [HTTPPart<HTTPResponseHead, ByteBuffer>] {
        var head = HTTPResponseHead(version: .http1_1, status: .init(statusCode: status))
        head.headers.add(name: "Content-Type", value: contentType)
        head.headers.add(name: "Content-Length", value: "\(body.utf8.count)")
        head.headers.add(name: "Cache-Control", value: "no-store")
        head.headers.add(name: "X-Content-Type-Options", value: "nosniff")
        head.headers.add(name: "Connection", value: "close")
        if let allow { head.headers.add(name: "Allow", value: allow) }
        let content: [HTTPPart<HTTPResponseHead, ByteBuffer>] = isHead ? [] : [.body(ByteBuffer(string: body))]
        return [.head(head)] + content + [.end(nil)]
    }
}

/// Turns response parts over plain buffers into what NIO's encoder wants.
private final class ResponseParts: ChannelOutboundHandler {
    typealias OutboundIn = HTTPPart<HTTPResponseHead, ByteBuffer>
    typealias OutboundOut = HTTPServerResponsePart

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        let part: HTTPServerResponsePart =
            switch unwrapOutboundIn(data) {
            case .head(let head): .head(head)
            case .body(let bytes): .body(.byteBuffer(bytes))
            case .end(let trailers): .end(trailers)
            }
        context.write(wrapOutboundOut(part), promise: promise)
    }
}

extension SocketAddress {
    /// Whether this machine is at the other end, or at this one.
    fileprivate var isLoopback: Bool {
        guard let address = ipAddress else { return false }
        return address.hasPrefix("127.") || address == "::1" || address.hasPrefix("::ffff:127.")
    }
}
