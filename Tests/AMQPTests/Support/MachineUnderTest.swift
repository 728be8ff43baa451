import NIOConcurrencyHelpers
import NIOCore
import Testing

@testable import AMQP

/// A connection machine driven by hand, with its effects run at once and its batches kept as frames.
struct MachineUnderTest {
    struct SentFrame: Equatable {
        var kind: UInt8
        var channel: UInt16
        var payload: [UInt8]

        /// Class and method of a method frame.
        var method: [UInt16] {
            kind == 1
                ? [UInt16(payload[0]) << 8 | UInt16(payload[1]), UInt16(payload[2]) << 8 | UInt16(payload[3])] : []
        }
    }

    var machine: ConnectionMachine
    var now = NIODeadline.uptimeNanoseconds(1_000_000_000)
    let opened = Recorder<Result<Void, AMQPError>>()

    init(_ change: (inout AMQPConfiguration) -> Void = { _ in }) {
        var configuration = AMQPConfiguration(hosts: [.init(name: "test")])
        configuration.heartbeat = .seconds(10)
        change(&configuration)
        machine = ConnectionMachine(configuration: configuration, openWaiter: opened.waiter)
        machine.connected()
    }

    /// One that is logged in.
    static func open(_ change: (inout AMQPConfiguration) -> Void = { _ in }) -> MachineUnderTest {
        var test = MachineUnderTest(change)
        test.receive(BrokerBytes.start())
        test.receive(BrokerBytes.tune())
        test.receive(BrokerBytes.openOK)
        _ = test.sent()
        return test
    }

    mutating func receive(_ bytes: [UInt8]) {
        machine.receive(ByteBuffer(bytes: bytes), now: now)
        runEffects()
    }

    mutating func runEffects() {
        for effect in machine.out.takeEffects() { effect.run() }
    }

    mutating func perform<R>(_ body: (inout ConnectionMachine) -> R) -> R {
        defer { runEffects() }
        return body(&machine)
    }

    mutating func advance(_ amount: TimeAmount) {
        now = now + amount
        machine.tick(now: now)
        runEffects()
    }

    /// The bytes of the next batch; the write completes at once unless `isHeld`.
    mutating func sentBytes(isHeld: Bool = false) -> [UInt8] {
        let batch = machine.takeBytes(isWriting: false).reduce(into: ByteBuffer()) { $0.writeImmutableBuffer($1.bytes) }
        guard batch.readableBytes > 0 else { return [] }
        if !isHeld { machine.written(batch.readableBytes, now: now) }
        return Array(batch.readableBytesView)
    }

    /// The frames of the next batch.
    mutating func sent() -> [SentFrame] {
        var bytes = sentBytes()[...]
        if bytes.starts(with: "AMQP".utf8) { bytes = bytes.dropFirst(8) }
        var frames: [SentFrame] = []
        while bytes.count >= 8 {
            let head = Array(bytes.prefix(7))
            let length = head[3...].reduce(0) { $0 << 8 | Int($1) }
            frames.append(
                SentFrame(
                    kind: head[0], channel: UInt16(head[1]) << 8 | UInt16(head[2]),
                    payload: Array(bytes.dropFirst(7).prefix(length))))
            #expect(bytes.dropFirst(7 + length).first == 0xCE)
            bytes = bytes.dropFirst(8 + length)
        }
        #expect(bytes.isEmpty)
        return frames
    }

    /// Opens a channel and answers for the broker.
    mutating func openChannel(confirms: Bool = false) -> ChannelID {
        let reply = Recorder<Result<Reply, AMQPError>>()
        let deadline = now + .seconds(30)
        let id = perform {
            $0.openChannel(
                confirms: confirms, id: WaiterID.next(), reply.waiter, deadline: deadline, isCancelled: false)
        }
        guard let id else {
            Issue.record("no channel")
            return ChannelID(number: 0, epoch: 0)
        }
        receive(BrokerBytes.channelOpenOK(id.number) + (confirms ? BrokerBytes.confirmSelectOK(id.number) : []))
        #expect(reply.values.count == 1)
        _ = sent()
        return id
    }

    /// Publishes; the recorder gets the outcome.
    mutating func publish(
        _ message: OutgoingMessage, on id: ChannelID, waiterID: UInt64 = WaiterID.next(), deadline: NIODeadline? = nil
    ) -> Recorder<AMQPError?> {
        let outcome = Recorder<AMQPError?>()
        let waiter = PublishWaiter(id: waiterID, target: .closure { outcome.record($0) })
        perform { $0.publish(message, on: id, waiter, deadline: deadline, isCancelled: false) }
        return outcome
    }

    /// Starts a call; the recorder gets the answer.
    mutating func call(
        _ method: OutboundMethod, _ kind: ReplyKind, on id: ChannelID, callID: UInt64 = WaiterID.next()
    ) -> Recorder<Result<Reply, AMQPError>> {
        let reply = Recorder<Result<Reply, AMQPError>>()
        let deadline = now + .seconds(30)
        perform {
            $0.call(
                method, answeredBy: kind, on: id, callID: callID, reply.waiter, deadline: deadline, isCancelled: false)
        }
        return reply
    }
}

/// Keeps what it is told, in order.
final class Recorder<Value: Sendable>: Sendable {
    private let box = NIOLockedValueBox<[Value]>([])

    var values: [Value] { box.withLockedValue { $0 } }

    func record(_ value: Value) {
        box.withLockedValue { $0.append(value) }
    }

    var waiter: Waiter<Value> { .closure { self.record($0) } }
}

extension OutgoingMessage {
    static func test(_ body: [UInt8] = [1, 2, 3], exchange: String = "events", key: String = "", id: String? = nil)
        -> OutgoingMessage
    {
        var properties = BasicProperties()
        properties.messageID = id
        return OutgoingMessage(exchange: exchange, routingKey: key, properties: properties, body: body)
    }
}

extension Result {
    var failure: Failure? {
        if case .failure(let error) = self { error } else { nil }
    }
}

extension Recorder<AMQPError?> {
    /// Told once, and of no error.
    var isConfirmed: Bool {
        guard let value = values.first else { return false }
        return values.count == 1 && value == nil
    }
}
