import TestSupport
import Testing

@testable import AMQP

/// Messages that are wrong in themselves: each is its own problem, and neither its neighbours' nor the connection's.
@Suite(.timeLimit(.minutes(3))) struct `Hostile deliveries` {
    typealias Bytes = BrokerBytes

    /// A broker that delivers the given content frames as message 1 and a good one as message 2.
    private func script(_ content: [UInt8]) -> Reaction.Script {
        { call in
            guard call.method == .init(channel: 1, classID: 60, methodID: 20) else { return Reaction.wellBehaved(call) }
            let tag = call.consumerTag
            return .send(
                Bytes.method(1, 60, 21, Bytes.short(tag)) + Bytes.deliverMethod(1, tag: tag, 1) + content
                    + Bytes.deliver(1, tag: tag, 2, body: [2]))
        }
    }

    private func receive(
        _ content: [UInt8], _ check: (Delivery) throws -> Void
    ) async throws {
        try await withScriptedBroker(reacting: script(content)) { broker, configuration in
            let connection = try await AMQPConnection.connect(configuration, logger: quietLogger)
            let channel = try await connection.openChannel()
            var iterator = try await channel.consume("queue", prefetch: 10).makeAsyncIterator()
            let odd = try #require(try await iterator.next())
            try check(odd)
            #expect(odd.reject())
            let good = try #require(try await iterator.next())
            #expect(good.body == [2])
            #expect(try good.properties() == BasicProperties())
            #expect(good.acknowledge())
            #expect(try await channel.purgeQueue("queue") == 0)
            #expect(connection.isOpen)
            try await eventually("both were settled") {
                let methods = broker.calls.values.map(\.method)
                return [80, 90].allSatisfy { methods.contains(.init(channel: 1, classID: 60, methodID: $0)) }
            }
            await connection.close()
        }
    }

    private static func headers(_ table: [UInt8]) -> [UInt8] { Bytes.bytes(UInt16(1 << 13)) + table }

    static let malformed: [(name: String, properties: [UInt8], word: String)] =
        HostileTables.malformed.map { ("headers: \($0.name)", headers($0.bytes), $0.word) } + [
            ("flags that go on", [0, 1, 0, 0], "continue in a second word"),
            ("an unknown property", [0, 2], "unknown property"),
            ("all flags and nothing else", [0xFF, 0xFC], "cut off"),
            ("a content type longer than the frame", [0x80, 0, 200, 65], "content-type is cut off"),
            ("a message id that is not UTF-8", Bytes.bytes(UInt16(1 << 7)) + [2, 0xC3, 0x28], "not UTF-8"),
            ("a timestamp cut off", Bytes.bytes(UInt16(1 << 6)) + [0, 0, 0], "timestamp is cut off"),
            ("bytes after the properties", [0, 0, 7], "bytes follow"),
        ]

    @Test(arguments: malformed.indices)
    func `what cannot be decoded is named, can be settled, and the next message is handled`(index: Int) async throws {
        let message = Self.malformed[index]
        try await receive(Bytes.header(1, size: 1, properties: message.properties) + Bytes.frame(3, 1, [1])) {
            delivery in
            let error = #expect(throws: AMQPError.self, "\(message.name)") { try delivery.properties() }
            #expect(error?.code == .malformed)
            #expect(error?.message.contains(message.word) == true, "\(message.name): \(error?.message ?? "-")")
            #expect(delivery.body == [1])
        }
    }

    @Test(arguments: HostileTables.odd.indices)
    func `headers that are odd but well-formed are decoded`(index: Int) async throws {
        let table = HostileTables.odd[index]
        try await receive(Bytes.header(1, size: 0, properties: Self.headers(table.bytes))) { delivery in
            let headers = try delivery.properties().headers
            #expect(headers.isEmpty == (table.bytes.count == 4), "\(table.name)")
        }
    }

    /// A whole content-header frame of so many bytes.
    static func headerFrame(_ size: Int) -> [UInt8] {
        let text = size - 8 - 12 - 2 - 4 - 2 - 1 - 4
        let inside = Bytes.short("k") + Array("S".utf8) + Bytes.long(String(repeating: "x", count: text))
        let frame = Bytes.header(1, size: 0, properties: headers(Bytes.bytes(UInt32(inside.count)) + inside))
        precondition(frame.count == size)
        return frame
    }

    /// A broker adds `x-death` and its kin to headers that filled the publisher's frame; both sizes were seen.
    @Test(arguments: [131_072, 131_092, 131_302, 131_072 + 65_536])
    func `a content header above the frame size by the broker's own headers is taken`(size: Int) async throws {
        try await receive(Self.headerFrame(size)) { delivery in
            #expect(delivery.headerBytes == size - 20)
            let headers = try delivery.properties().headers
            #expect(headers["k"]?.stringValue?.utf8.count == size - 33)
        }
    }

    @Test func `a body over the limit is let go and its message known by its size`() async throws {
        try await withScriptedBroker(
            reacting: script(
                Bytes.header(1, size: 300_000)
                    + (0..<3).flatMap { _ in Bytes.frame(3, 1, Array(repeating: 7, count: 100_000)) })
        ) { _, configuration in
            var configuration = configuration
            configuration.maximumBodySize = 299_999
            let connection = try await AMQPConnection.connect(configuration, logger: quietLogger)
            var iterator = try await connection.openChannel().consume("queue", prefetch: 10).makeAsyncIterator()
            let big = try #require(try await iterator.next())
            #expect(big.isTruncated)
            #expect(big.bodySize == 300_000)
            #expect(try await iterator.next()?.body == [2])
            await connection.close()
        }
    }

    @Test func `empty body frames add nothing and do no harm`() async throws {
        try await receive(
            Bytes.header(1, size: 2) + Bytes.frame(3, 1, []) + Bytes.frame(3, 1, [1]) + Bytes.frame(3, 1, [])
                + Bytes.frame(3, 1, [2])
        ) { #expect($0.body == [1, 2]) }
    }
}
