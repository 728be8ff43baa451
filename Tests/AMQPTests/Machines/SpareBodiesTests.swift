import Testing

@testable import AMQP

/// Memory of large bodies that were delivered.
@Suite struct `Memory for bodies` {
    private func body(_ count: Int) -> [UInt8] { Array(repeating: 7, count: count) }

    private func address(_ body: [UInt8]) -> Int {
        body.withUnsafeBytes { Int(bitPattern: $0.baseAddress) }
    }

    private func message(_ count: Int, _ spares: SpareBodies) -> ReceivedMessage {
        let info = DeliveryInfo(
            route: DeliveryRoute(consumerTag: "c", exchange: "", routingKey: ""), deliveryTag: 1, isRedelivered: false)
        return ReceivedMessage(
            info: info, properties: [], body: body(count), bodySize: UInt64(count), spareBodies: spares)
    }

    @Test func `what nobody holds any more is used again`() {
        let spares = SpareBodies()
        var first: ReceivedMessage? = message(1 << 20, spares)
        let place = first.map { address($0.body) }
        #expect(spares.count == 0)
        first = nil
        #expect(spares.count == 1)
        var second = spares.take(1 << 20)
        #expect(second.isEmpty)
        second.append(1)
        #expect(address(second) == place)
    }

    @Test func `a body that somebody holds without its message stays as it is`() {
        let spares = SpareBodies()
        let held = message(1 << 20, spares).body
        var next = spares.take(1 << 20)
        next.append(contentsOf: repeatElement(9, count: 1 << 20))
        #expect(held.allSatisfy { $0 == 7 })
        #expect(address(next) != address(held))
    }

    @Test func `small bodies, and memory that is far too large or too small, are not used`() {
        let spares = SpareBodies()
        spares.give(body(1000))
        #expect(spares.count == 0)
        spares.give(body(4 << 20))
        #expect(spares.take(1 << 20).capacity < 4 << 20)
        #expect(spares.take(5 << 20).capacity >= 5 << 20)
        #expect(spares.count == 1)
    }

    @Test(arguments: [(1 << 20, 15), (6 << 20, 2), (17 << 20, 0)])
    func `sixteen megabytes are kept at most`(size: Int, most: Int) {
        let spares = SpareBodies()
        for _ in 0..<20 { spares.give(body(size)) }
        // An array's memory is a little more than its elements.
        #expect(spares.count == most)
    }

    @Test func `what was not used for a while is let go`() {
        let spares = SpareBodies()
        spares.give(body(1 << 20))
        spares.releaseUnused()
        #expect(spares.count == 1)
        spares.releaseUnused()
        #expect(spares.count == 0)
    }

    @Test func `nothing is kept for a connection that is over`() {
        let spares = SpareBodies()
        spares.give(body(1 << 20))
        spares.close()
        spares.give(body(1 << 20))
        #expect(spares.count == 0)
    }
}
