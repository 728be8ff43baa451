import AMQP
import Foundation
import TestSupport

/// A client that writes AMQP 0-9-1 frames by hand, for what no library would send.
enum RawClient {
    struct Failure: Error {
        let reason: String
    }

    /// Publishes a message whose only header is an array nested `depth` times, and waits for the confirm.
    ///
    /// Runs on a thread of its own: it blocks.
    static func publishNested(depth: Int, to exchange: String, body: [UInt8], url: String) async throws {
        let configuration = try AMQPConfiguration(uri: url)
        try await withCheckedThrowingContinuation { (done: CheckedContinuation<Void, any Error>) in
            Thread.detachNewThread {
                done.resume(
                    with: Result {
                        let socket = try Socket(configuration)
                        try socket.login(configuration)
                        try socket.publish(nested(depth), to: exchange, body: body)
                    })
            }
        }
    }

    /// A field table `{"k": [[[…]]]}`.
    private static func nested(_ depth: Int) -> [UInt8] {
        var table: [UInt8] = [1, UInt8(ascii: "k")]
        for level in 0..<depth {
            table.append(UInt8(ascii: "A"))
            table += bytes(UInt32((depth - level - 1) * 5))
        }
        return bytes(UInt32(table.count)) + table
    }

    private static func bytes<T: FixedWidthInteger>(_ value: T) -> [UInt8] {
        withUnsafeBytes(of: value.bigEndian) { Array($0) }
    }

    private static func short(_ text: String) -> [UInt8] {
        [UInt8(text.utf8.count)] + Array(text.utf8)
    }

    private final class Socket {
        private let descriptor: Int32

        init(_ configuration: AMQPConfiguration) throws {
            descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
            var address = sockaddr_in()
            address.sin_family = sa_family_t(AF_INET)
            address.sin_port = in_port_t(configuration.hosts[0].port ?? 5672).bigEndian
            address.sin_addr.s_addr = inet_addr("127.0.0.1")
            let size = socklen_t(MemoryLayout<sockaddr_in>.size)
            let connected = withUnsafePointer(to: &address) { pointer in
                pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { connect(descriptor, $0, size) }
            }
            guard connected == 0 else { throw Failure(reason: "connect: \(errno)") }
        }

        deinit { close(descriptor) }

        func login(_ configuration: AMQPConfiguration) throws {
            guard case .plain(let user, let password) = configuration.credentials else {
                throw Failure(reason: "no password")
            }
            try write(Array("AMQP".utf8) + [0, 0, 9, 1])
            try expect(10, 10)
            let response = [0] + Array(user.utf8) + [0] + Array(password.utf8)
            try method(
                0, 10, 11, bytes(UInt32(0)) + short("PLAIN") + bytes(UInt32(response.count)) + response + short("en_US")
            )
            try expect(10, 30)
            try method(0, 10, 31, bytes(UInt16(10)) + bytes(UInt32(131_072)) + bytes(UInt16(0)))
            try method(0, 10, 40, short(configuration.virtualHost) + short("") + [0])
            try expect(10, 41)
            try method(1, 20, 10, short(""))
            try expect(20, 11)
            try method(1, 85, 10, [0])
            try expect(85, 11)
        }

        func publish(_ headers: [UInt8], to exchange: String, body: [UInt8]) throws {
            try method(1, 60, 40, bytes(UInt16(0)) + short(exchange) + short("") + [0])
            try frame(
                2, 1,
                bytes(UInt16(60)) + bytes(UInt16(0)) + bytes(UInt64(body.count)) + bytes(UInt16(1 << 13)) + headers)
            try frame(3, 1, body)
            try expect(60, 80)
        }

        private func method(_ channel: UInt16, _ classID: UInt16, _ methodID: UInt16, _ arguments: [UInt8]) throws {
            try frame(1, channel, bytes(classID) + bytes(methodID) + arguments)
        }

        private func frame(_ type: UInt8, _ channel: UInt16, _ payload: [UInt8]) throws {
            try write([type] + bytes(channel) + bytes(UInt32(payload.count)) + payload + [0xCE])
        }

        private func write(_ bytes: [UInt8]) throws {
            var sent = 0
            while sent < bytes.count {
                let count = bytes.withUnsafeBytes {
                    send(descriptor, $0.baseAddress.map { $0 + sent }, bytes.count - sent, 0)
                }
                guard count > 0 else { throw Failure(reason: "send: \(errno)") }
                sent += count
            }
        }

        private func read(_ count: Int) throws -> [UInt8] {
            var buffer = [UInt8](repeating: 0, count: count)
            var got = 0
            while got < count {
                let part = buffer.withUnsafeMutableBytes {
                    recv(descriptor, $0.baseAddress.map { $0 + got }, count - got, 0)
                }
                guard part > 0 else { throw Failure(reason: "the broker closed the connection") }
                got += part
            }
            return buffer
        }

        /// Reads frames until the method comes.
        private func expect(_ classID: UInt16, _ methodID: UInt16) throws {
            while true {
                let head = try read(7)
                let size = head[3..<7].reduce(0) { $0 << 8 | Int($1) }
                let payload = try read(size + 1)
                guard head[0] == 1 else { continue }
                let found = (UInt16(payload[0]) << 8 | UInt16(payload[1]), UInt16(payload[2]) << 8 | UInt16(payload[3]))
                if found == (classID, methodID) { return }
                if found == (10, 50) || found == (20, 40) {
                    throw Failure(reason: String(decoding: payload, as: UTF8.self))
                }
            }
        }
    }
}

extension TestSystem {
    func sendNestedHeaders(depth: Int, to exchange: String) async throws {
        try await RawClient.publishNested(depth: depth, to: exchange, body: Array("deep".utf8), url: address)
    }
}
