import Testing

@testable import AMQP

@Suite struct `Content assembly` {
    private let info = DeliveryInfo(
        route: DeliveryRoute(consumerTag: "c", exchange: "", routingKey: ""), deliveryTag: 1, isRedelivered: false)

    private func header(
        _ assembly: inout ContentAssembly, size: UInt64, classID: UInt16 = 60
    ) throws -> ContentAssembly.Content? {
        let payload: [UInt8] = BrokerBytes.bytes(classID) + [0, 0] + BrokerBytes.bytes(size) + [0, 0]
        return try payload.withUnsafeBytes { try assembly.header($0, SpareBodies()) }
    }

    private func body(_ assembly: inout ContentAssembly, _ bytes: [UInt8]) throws -> ContentAssembly.Content? {
        try bytes.withUnsafeBytes { try assembly.body($0) }
    }

    @Test func `a message without a body is complete with its header`() throws {
        var assembly = ContentAssembly(maximumBodySize: 100)
        try assembly.begin(.deliver(info))
        #expect(try header(&assembly, size: 0)?.body == [])
        #expect(assembly.isIdle)
    }

    @Test func `a body in many frames is put together`() throws {
        var assembly = ContentAssembly(maximumBodySize: 100_000)
        let whole = (0..<10_000).map { UInt8(truncatingIfNeeded: $0) }
        try assembly.begin(.deliver(info))
        #expect(try header(&assembly, size: 10_000) == nil)
        for start in stride(from: 0, to: 9_000, by: 1_000) {
            #expect(try body(&assembly, Array(whole[start..<start + 1_000])) == nil)
        }
        #expect(try body(&assembly, Array(whole[9_000...]))?.body == whole)
    }

    @Test func `a body over the limit is let go, and its message completed`() throws {
        var assembly = ContentAssembly(maximumBodySize: 10)
        try assembly.begin(.deliver(info))
        #expect(try header(&assembly, size: 11) == nil)
        #expect(try body(&assembly, [1, 2, 3, 4, 5, 6]) == nil)
        let content = try body(&assembly, [7, 8, 9, 10, 11])
        #expect(content?.body == [])
        #expect(content?.size == 11)
        try assembly.begin(.deliver(info))
        #expect(try header(&assembly, size: 10) == nil)
        #expect(try body(&assembly, Array(repeating: 1, count: 10))?.body.count == 10)
    }

    @Test func `a size of 2 to the 63 reserves nothing`() throws {
        var assembly = ContentAssembly(maximumBodySize: .max)
        try assembly.begin(.deliver(info))
        #expect(try header(&assembly, size: 1 << 63) == nil)
        #expect(try body(&assembly, [1]) == nil)
    }

    @Test func `frames out of order are refused`() throws {
        var assembly = ContentAssembly(maximumBodySize: 100)
        #expect(throws: AMQPError.self) { try header(&assembly, size: 1) }
        #expect(throws: AMQPError.self) { try body(&assembly, [1]) }
        try assembly.begin(.deliver(info))
        #expect(throws: AMQPError.self) { try body(&assembly, [1]) }
        #expect(throws: AMQPError.self) { try assembly.begin(.deliver(info)) }
        #expect(try header(&assembly, size: 5) == nil)
        #expect(throws: AMQPError.self) { try header(&assembly, size: 5) }
        #expect(throws: AMQPError.self) { try body(&assembly, [1, 2, 3, 4, 5, 6]) }
    }

    @Test func `a header of another class is refused`() throws {
        var assembly = ContentAssembly(maximumBodySize: 100)
        try assembly.begin(.deliver(info))
        #expect(throws: AMQPError.self) { try header(&assembly, size: 1, classID: 10) }
    }
}
