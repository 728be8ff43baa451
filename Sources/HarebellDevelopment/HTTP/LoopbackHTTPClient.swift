import NIOCore
import NIOHTTP1
import NIOPosix

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// One request per connection to a server on 127.0.0.1: all that the management API and our own control need.
struct LoopbackHTTPClient: Sendable {
    /// What a server answered.
    struct Response: Sendable {
        let status: Int
        let body: [UInt8]

        var text: String { String(decoding: body, as: UTF8.self) }
    }

    let port: Int
    /// The value of the `Authorization` header.
    let authorization: String?

    /// The header's value for a user and a password.
    static func basic(_ user: String, _ password: String) -> String {
        "Basic " + Data("\(user):\(password)".utf8).base64EncodedString()
    }

    /// Sends a request and reads the whole answer, whatever its status.
    func send(
        _ method: HTTPMethod, _ path: String, body: [UInt8] = [], headers: [(String, String)] = [],
        deadline: Duration = .seconds(20)
    ) async throws -> Response {
        let response = try await within(deadline) { try await exchange(method, path, body: body, headers: headers) }
        guard let response else {
            throw DevelopmentError(.timedOut, "\(method) \(path) was not answered within \(deadline)")
        }
        return response
    }

    private func exchange(
        _ method: HTTPMethod, _ path: String, body: [UInt8], headers: [(String, String)]
    ) async throws -> Response {
        typealias Connection = NIOAsyncChannel<HTTPClientResponsePart, HTTPPart<HTTPRequestHead, ByteBuffer>>
        let connection: Connection = try await ClientBootstrap(group: .singletonMultiThreadedEventLoopGroup)
            .connectTimeout(.seconds(5))
            .connect(host: "127.0.0.1", port: port) { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHTTPClientHandlers()
                    try channel.pipeline.syncOperations.addHandler(RequestParts())
                    return try Connection(wrappingChannelSynchronously: channel)
                }
            }
        return try await connection.executeThenClose { inbound, outbound in
            var head = HTTPRequestHead(version: .http1_1, method: method, uri: path)
            head.headers.add(name: "Host", value: "127.0.0.1:\(port)")
            head.headers.add(name: "Connection", value: "close")
            head.headers.add(name: "Content-Length", value: "\(body.count)")
            if let authorization { head.headers.add(name: "Authorization", value: authorization) }
            if !body.isEmpty { head.headers.add(name: "Content-Type", value: "application/json") }
            for (name, value) in headers { head.headers.replaceOrAdd(name: name, value: value) }
            // In one write: a server that answers a request without a body, and closes, may do so before a second one.
            let content: [HTTPPart<HTTPRequestHead, ByteBuffer>] = body.isEmpty ? [] : [.body(ByteBuffer(bytes: body))]
            try await outbound.write(contentsOf: [.head(head)] + content + [.end(nil)])
            var status = 0
            var answer: [UInt8] = []
            for try await part in inbound {
                switch part {
                case .head(let head): status = Int(head.status.code)
                case .body(let bytes): answer += Array(bytes.readableBytesView)
                case .end: return Response(status: status, body: answer)
                }
            }
            throw DevelopmentError(.requestFailed, "\(method) \(path): the connection ended before the answer did")
        }
    }
}

/// Turns request parts over plain buffers into what NIO's encoder wants.
private final class RequestParts: ChannelOutboundHandler {
    typealias OutboundIn = HTTPPart<HTTPRequestHead, ByteBuffer>
    typealias OutboundOut = HTTPClientRequestPart

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        let part: HTTPClientRequestPart =
            switch unwrapOutboundIn(data) {
            case .head(let head): .head(head)
            case .body(let bytes): .body(.byteBuffer(bytes))
            case .end(let trailers): .end(trailers)
            }
        context.write(wrapOutboundOut(part), promise: promise)
    }
}
