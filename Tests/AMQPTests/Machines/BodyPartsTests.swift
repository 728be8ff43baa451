import NIOCore
import Testing

@testable import AMQP

@Suite struct `Body frames in parts` {
    private let consumeOK = BrokerBytes.method(1, 60, 11) + BrokerBytes.method(1, 60, 21, BrokerBytes.short("tag"))

    private func consuming(
        _ change: (inout AMQPConfiguration) -> Void = { _ in }
    ) -> (MachineUnderTest, DeliveryQueue) {
        var test = MachineUnderTest.open(change)
        let id = test.openChannel()
        let queue = DeliveryQueue()
        let reply = Recorder<Result<Reply, AMQPError>>()
        let now = test.now
        test.perform {
            $0.consume(
                "queue", tag: "tag", prefetch: 10, exclusive: false, arguments: [:], to: queue, on: id,
                callID: WaiterID.next(), reply.waiter, deadline: now + .seconds(30), isCancelled: false)
        }
        test.receive(consumeOK)
        #expect(reply.values.count == 1)
        _ = test.sent()
        return (test, queue)
    }

    /// A delivery whose body comes in frames of the given sizes.
    private func delivery(_ tag: UInt64, _ body: [UInt8], frames: [Int]) -> [UInt8] {
        var bytes = BrokerBytes.deliverMethod(1, tag: "tag", tag) + BrokerBytes.header(1, size: UInt64(body.count))
        var rest = body[...]
        for size in frames {
            bytes += BrokerBytes.frame(3, 1, Array(rest.prefix(size)))
            rest = rest.dropFirst(size)
        }
        return bytes
    }

    private let body = (0..<6_000).map { UInt8(truncatingIfNeeded: $0 &* 31) }

    private func error(_ test: MachineUnderTest) -> AMQPError? {
        if case .over(let error) = test.machine.phase { error } else { nil }
    }

    @Test(arguments: [1, 6, 7, 8, 100, 1_023, 1_024, 1_025, 3_999, 4_095, 10_000])
    func `large bodies arrive whole in pieces of any size, and the next message with them`(size: Int) async throws {
        var (test, queue) = consuming()
        var rest = delivery(1, body, frames: [4_000, 2_000])[...] + delivery(2, [7], frames: [1])
        while !rest.isEmpty {
            test.receive(Array(rest.prefix(size)))
            rest = rest.dropFirst(size)
        }
        #expect(error(test) == nil)
        #expect(try await queue.next()?.body == body)
        #expect(try await queue.next()?.body == [7])
    }

    @Test func `a message is not complete before the end byte of its last frame`() async throws {
        var (test, queue) = consuming()
        let bytes = delivery(1, body, frames: [4_000, 2_000])
        test.receive(Array(bytes.dropLast(2_500)))
        test.receive(Array(bytes.suffix(2_500).dropLast()))
        #expect(test.machine.outcome.deliveries == 0)
        test.receive([0xCE])
        #expect(test.machine.outcome.deliveries == 1)
        #expect(try await queue.next()?.body == body)
    }

    @Test func `a wrong end byte is refused with the same words, whole or in parts`() {
        var bytes = delivery(1, body, frames: [4_000, 2_000])
        bytes[bytes.count - 1] = 7
        var (whole, _) = consuming()
        whole.receive(bytes)
        var (parts, _) = consuming()
        parts.receive(Array(bytes.prefix(3_000)))
        parts.receive(Array(bytes.dropFirst(3_000)))
        #expect(error(whole)?.message.contains("ends with 7, not with 206") == true)
        #expect(error(parts)?.message == error(whole)?.message)
    }

    @Test func `what is not due is refused with the same words, whole or in parts`() {
        let frame = BrokerBytes.frame(3, 1, body)
        let bare = frame
        let second = BrokerBytes.deliverMethod(1, tag: "tag", 1) + BrokerBytes.header(1, size: 10) + frame
        let elsewhere = BrokerBytes.frame(3, 9, body)
        for bytes in [bare, second, elsewhere] {
            var (whole, _) = consuming()
            whole.receive(bytes)
            var (parts, _) = consuming()
            parts.receive(Array(bytes.dropLast(2_000)))
            #expect(error(parts) == nil)
            parts.receive(Array(bytes.suffix(2_000)))
            #expect(error(whole) != nil)
            #expect(error(parts)?.message == error(whole)?.message)
        }
    }

    @Test func `a body over the limit is let go part by part`() async throws {
        var (test, queue) = consuming { $0.maximumBodySize = 5_000 }
        let bytes = delivery(1, body, frames: [4_000, 2_000])
        for start in stride(from: 0, to: bytes.count, by: 700) {
            test.receive(Array(bytes.dropFirst(start).prefix(700)))
        }
        let message = try #require(try await queue.next())
        #expect(message.body.isEmpty && message.bodySize == 6_000)
    }

    @Test func `a connection that ends inside a body ends its consumer`() async throws {
        var (test, queue) = consuming()
        test.receive(Array(delivery(1, body, frames: [4_000, 2_000]).dropLast(1_000)))
        test.perform { $0.disconnected(nil) }
        await #expect(throws: AMQPError.self) { try await queue.next() }
    }

    @Test func `the memory of a large body that was let go serves for the next`() async throws {
        var (test, queue) = consuming()
        let large = [UInt8](repeating: 3, count: 300_000)
        var places: [Int] = []
        for tag in 1...8 as ClosedRange<UInt64> {
            test.receive(delivery(tag, large, frames: [100_000, 100_000, 100_000]))
            let message = try #require(try await queue.next())
            places.append(message.body.withUnsafeBytes { Int(bitPattern: $0.baseAddress) })
        }
        #expect(Set(places).count == 1)
    }
}
