import NIOCore
import Testing

@testable import AMQP

/// What tasks hand in without the connection's lock.
@Suite struct `Handing in` {
    private let intake = Intake()
    private let channel = ChannelID(number: 3, epoch: 7)

    private func batch(_ messages: OutgoingMessage...) throws -> PublicationBatch {
        var batch = PublicationBatch()
        for message in messages {
            try batch.append(
                message, on: channel, frameMax: 4096, isReturnKeyNeeded: false,
                PublishWaiter(id: WaiterID.next(), target: .closure { _ in }), deadline: nil)
        }
        return batch
    }

    private func open(prefetch: UInt16...) {
        intake.apply([.opened(channel)] + prefetch.map { .consumes(channel.number, prefetch: $0) })
    }

    @Test func `the first to hand in wakes the event loop, and again when it has looked`() throws {
        #expect(try intake.publish(batch(.test())) == (true, true))
        #expect(try intake.publish(batch(.test())) == (true, false))
        #expect(!intake.cancelPublish(1, on: channel))
        let contents = try #require(intake.drain())
        #expect(contents.batch.publications.count == 2)
        #expect(contents.entries.count == 3)
        #expect(intake.drain() == nil)
        #expect(intake.cancelPublish(1, on: channel))
    }

    @Test func `memory that was written serves the messages that come then, and does not pile up`() throws {
        for _ in 0..<100 {
            // Together just large enough to be kept.
            for _ in 0..<50 { _ = try intake.publish(batch(.test([UInt8](repeating: 1, count: 300)))) }
            let contents = try #require(intake.drain())
            intake.recycle(contents.batch.full + [contents.batch.bytes])
        }
        #expect(intake.spareBytes > 0)
        #expect(intake.spareBytes <= 4 * FrameWriter.large)
    }

    @Test func `a cancelled task hands in nothing`() async throws {
        let batch = try batch(.test())
        let result = await Task { [intake] in
            withUnsafeCurrentTask { $0?.cancel() }
            return intake.publish(batch)
        }.value
        #expect(result == (false, false))
        #expect(intake.drain() == nil)
    }

    @Test func `what is handed in keeps its order, and its bytes their messages`() throws {
        let first = try batch(.test([1]), .test([2, 2]))
        let second = try batch(.test([3, 3, 3]))
        _ = intake.publish(first)
        _ = intake.cancelPublish(9, on: channel)
        _ = intake.publish(second)
        let contents = try #require(intake.drain())
        #expect(contents.batch.bytes.readableBytes == first.bytes.readableBytes + second.bytes.readableBytes)
        #expect(
            Array(contents.batch.bytes.readableBytesView)
                == Array(first.bytes.readableBytesView) + Array(second.bytes.readableBytesView))
        #expect(
            contents.entries.map {
                if case .publications(let count) = $0 { count } else { 0 }
            } == [2, 0, 1])
    }

    @Test func `settlements of a channel that is not open, or is another by now, are refused`() {
        #expect(intake.settle([1], .acknowledge, on: channel) == (false, false))
        open(prefetch: 1)
        #expect(intake.settle([1], .acknowledge, on: channel) == (true, true))
        #expect(intake.settle([1], .acknowledge, on: ChannelID(number: 3, epoch: 6)) == (false, false))
        #expect(intake.settle([1], .acknowledge, on: ChannelID(number: 900, epoch: 7)) == (false, false))
        intake.apply([.ended(channel.number), .ended(900)])
        #expect(intake.settle([1], .acknowledge, on: channel) == (false, false))
        open(prefetch: 1)
        intake.apply([.allEnded])
        #expect(intake.settle([1], .acknowledge, on: channel) == (false, false))
    }

    /// The prefetches of the channel's consumers, and how many acknowledgements the event loop may find in its own time.
    @Test(arguments: [
        ([1], 0), ([8], 1), ([100], 24), ([1000], 249), ([65_535], 255), ([0], 255), ([100, 8], 1), ([1, 400], 0),
    ])
    func `acknowledgements wait for a flush that is due anyway, up to a quarter of the prefetch`(
        prefetch: [UInt16], free: Int
    ) {
        intake.apply([.opened(channel)] + prefetch.map { .consumes(channel.number, prefetch: $0) })
        intake.setLookDue(true)
        for tag in 0..<free {
            #expect(intake.settle([UInt64(tag + 1)], .acknowledge, on: channel) == (true, false))
        }
        #expect(intake.settle([UInt64(free + 1)], .acknowledge, on: channel) == (true, true))
        // In a row, so that they are one.
        #expect(intake.drain()?.settled.map(\.tags) == [1...UInt64(free + 1)])
    }

    @Test func `no settlement waits when no flush is due, and a refused delivery never`() {
        open(prefetch: 1000)
        #expect(intake.settle([1], .acknowledge, on: channel) == (true, true))
        _ = intake.drain()
        intake.setLookDue(true)
        #expect(intake.settle([2], .acknowledge, on: channel) == (true, false))
        #expect(intake.settle([3], .nack(requeue: true), on: channel) == (true, true))
        intake.setLookDue(false)
        _ = intake.drain()
        #expect(intake.settle([4], .acknowledge, on: channel) == (true, true))
    }

    @Test func `a publish never waits for a look`() throws {
        intake.setLookDue(true)
        #expect(try intake.publish(batch(.test())) == (true, true))
    }

    @Test func `a message that cannot be encoded leaves a batch as it was`() throws {
        var batch = try batch(.test([1]))
        let before = batch.bytes
        var bad = OutgoingMessage.test()
        bad.routingKey = String(repeating: "k", count: 300)
        #expect(throws: AMQPError.self) {
            try batch.append(
                bad, on: channel, frameMax: 4096, isReturnKeyNeeded: true,
                PublishWaiter(id: 1, target: .closure { _ in }), deadline: nil)
        }
        #expect(batch.bytes == before)
        #expect(batch.publications.count == 1)
    }
}
