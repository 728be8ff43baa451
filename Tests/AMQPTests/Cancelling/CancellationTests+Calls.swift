import NIOConcurrencyHelpers
import TestSupport
import Testing

@testable import AMQP

/// A call whose answer does not come.
struct UnansweredCall: Sendable, CustomTestStringConvertible {
    let testDescription: String
    /// What the broker leaves unanswered: the call's method, by which it is seen, and what follows it.
    let methods: [[UInt16]]
    let call: @Sendable (AMQPChannel) async throws -> Void

    init(_ name: String, _ methods: [UInt16]..., call: @escaping @Sendable (AMQPChannel) async throws -> Void) {
        testDescription = name
        self.methods = methods
        self.call = call
    }

    static let all = [
        UnansweredCall("opening a channel", [20, 10], [20, 40]) { _ = try await $0.connection.openChannel() },
        UnansweredCall("opening a channel with confirms", [85, 10], [20, 40]) {
            _ = try await $0.connection.openChannel(confirms: true)
        },
        UnansweredCall("a call of a method", [50, 30]) { _ = try await $0.purgeQueue("queue") },
        UnansweredCall("starting a consumer", [60, 20], [60, 10], [60, 30]) {
            _ = try await $0.consume("queue", prefetch: 1)
        },
        UnansweredCall("a confirm", [60, 40]) { try await $0.publish(.test()) },
        UnansweredCall("the confirms of a batch", [60, 40]) { channel in
            for result in await channel.publish([.test()]) { try result.get() }
        },
    ]
}

/// Answers everything but some methods of a test, and those too when it is told.
private final class Withholding: Sendable {
    private struct State {
        var calls: [ReceivedCall] = []
        var isReleased = false
    }

    private let box = NIOLockedValueBox(State())
    private let methods: [[UInt16]]

    init(_ methods: [[UInt16]]) {
        self.methods = methods
    }

    /// How often the first of the methods was called.
    var count: Int {
        box.withLockedValue { state in
            state.calls.count { [$0.method.classID, $0.method.methodID] == methods[0] }
        }
    }

    /// Has everything answered, in order, before the answer to the next method.
    func release() {
        box.withLockedValue { $0.isReleased = true }
    }

    func react(_ call: ReceivedCall) -> Reaction {
        let isOfTheTest = methods.contains([call.method.classID, call.method.methodID])
        // The channel of the test is opened first.
        let isSetup = call.channel == 1 && [20, 85].contains(call.method.classID)
        let answered = box.withLockedValue { state in
            if isOfTheTest, !isSetup, !state.isReleased {
                state.calls.append(call)
                return [ReceivedCall]()
            }
            defer { if state.isReleased { state.calls = [] } }
            return (state.isReleased ? state.calls : []) + [call]
        }
        return .send(
            answered.flatMap { call in
                if case .send(let bytes) = Reaction.wellBehaved(call) { bytes } else { [UInt8]() }
            })
    }
}

extension CancellationTests {
    @Test(arguments: UnansweredCall.all)
    func `a call without an answer, which may come later`(unanswered: UnansweredCall) async throws {
        let withholding = Withholding(unanswered.methods)
        try await withScriptedBroker(reacting: withholding.react) { broker, configuration in
            let connection = try await AMQPConnection.connect(configuration, logger: quietLogger)
            let channel = try await connection.openChannel(confirms: true)
            let refused = await Task {
                withUnsafeCurrentTask { $0?.cancel() }
                return await failure { try await unanswered.call(channel) }
            }.value
            #expect(refused?.code == .cancelled)
            _ = try await cancelSuspended(Self.count, isWaiting: { withholding.count == $0 }) {
                try await unanswered.call(channel)
            }
            // Of the call that was refused before, nothing was sent.
            #expect(withholding.count == Self.count)
            withholding.release()
            #expect(try await channel.purgeQueue("queue") == 0)
            try await eventually("the channels are free") {
                connection.core.read { $0.channels.compactMap { $0 }.count == 1 && $0.ended.isEmpty }
            }
            // A consumer that nobody waits for is cancelled when it has begun, and that is answered.
            try await eventually("no call is left") {
                connection.core.read { $0.channels[1]?.calls.isEmpty == true }
            }
            connection.core.read { machine in
                #expect(machine.channels[1]?.consumers.isEmpty == true)
                #expect(machine.channels[1]?.confirms.unconfirmed == 0)
            }
            #expect(try await connection.openChannel().number == 2)
            #expect(connection.isOpen)
            await connection.close()
            try await Self.expectNoSocket(to: broker.port)
        }
    }

    @Test func `the next delivery, of which none is lost`() async throws {
        let tag = Recorder<String>()
        try await withScriptedBroker(reacting: { call in
            if (call.method.classID, call.method.methodID) == (60, 20) { tag.record(call.consumerTag) }
            return Reaction.wellBehaved(call)
        }) { broker, configuration in
            let connection = try await AMQPConnection.connect(configuration, logger: quietLogger)
            let deliveries = try await connection.openChannel().consume("queue", prefetch: 10)
            let batches = deliveries.batches()
            func isWaiting(_ count: Int) -> Bool { deliveries.queue.waitingCount == count }
            _ = try await cancelSuspended(Self.count, isWaiting: isWaiting) { for try await _ in deliveries {} }
            _ = try await cancelSuspended(Self.count, isWaiting: isWaiting) { for try await _ in batches {} }
            #expect(deliveries.queue.waitingCount == 0)
            let name = try #require(tag.values.first)
            broker.send((UInt64(1)...3).flatMap { BrokerBytes.deliver(1, tag: name, $0, body: [UInt8($0)]) })
            var iterator = deliveries.makeAsyncIterator()
            for number in 1...3 as ClosedRange<UInt64> {
                #expect(try await iterator.next()?.deliveryTag == number)
            }
            await connection.close()
            try await Self.expectNoSocket(to: broker.port)
        }
    }

    @Test func `the end of a channel and of a connection`() async throws {
        try await withScriptedBroker(reacting: Reaction.wellBehaved) { broker, configuration in
            let connection = try await AMQPConnection.connect(configuration, logger: quietLogger)
            let channel = try await connection.openChannel()
            _ = try await cancelSuspended(Self.count) { count in
                connection.core.read { $0.channels[1]?.closeWaiters.count == count }
            } _: {
                if let error = await channel.waitUntilClosed() { throw error }
            }
            _ = try await cancelSuspended(Self.count) { count in
                connection.core.read { $0.closeWaiters.count == count }
            } _: {
                if let error = await connection.waitUntilClosed() { throw error }
            }
            #expect(channel.isOpen)
            await connection.close()
            try await Self.expectNoSocket(to: broker.port)
        }
    }

    @Test func `a close that is not answered`() async throws {
        try await withScriptedBroker(
            reacting: { call in
                switch (call.method.classID, call.method.methodID) {
                case (20, 40), (10, 50): .nothing
                default: Reaction.wellBehaved(call)
                }
            }
        ) { broker, configuration in
            let one = try await AMQPConnection.connect(configuration, logger: quietLogger)
            let channel = try await one.openChannel()
            _ = try await cancelSuspended(Self.count) { count in
                one.core.read { $0.channels[1]?.closeWaiters.count == count }
            } _: {
                await channel.close()
                try Task.throwIfCancelled()
            }
            await one.close(deadline: .zero)
            var durations: [Duration] = []
            for _ in 0..<Self.count {
                let connection = try await AMQPConnection.connect(configuration, logger: quietLogger)
                let closing = Task<Void?, Never> { await connection.close(deadline: .seconds(60)) }
                try await eventually("it says goodbye") { !connection.isOpen }
                durations.append(try await Self.duration(of: closing))
            }
            // The answer is given half of the time.
            #expect((durations.min() ?? .seconds(9)) < cancellationPromise * 2)
            #expect((durations.max() ?? .seconds(9)) < cancellationPromise * 2 + schedulingAllowance)
            try await Self.expectNoSocket(to: broker.port)
        }
    }
}

extension Task where Success == Never, Failure == Never {
    /// For calls that return without an error when they are cancelled.
    fileprivate static func throwIfCancelled() throws(AMQPError) {
        guard !isCancelled else { throw AMQPError(.cancelled, "the task was cancelled") }
    }
}
