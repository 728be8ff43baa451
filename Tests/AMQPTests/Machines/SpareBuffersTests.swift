import NIOCore
import Testing

@testable import AMQP

/// Memory of large writes, and the batches that use it.
@Suite struct `Memory for writes` {
    private func filled(_ count: Int, capacity: Int? = nil) -> ByteBuffer {
        var buffer = ByteBuffer()
        buffer.reserveCapacity(capacity ?? count)
        buffer.writeRepeatingByte(7, count: count)
        return buffer
    }

    @Test func `what was written is used again for as much, not for much less or more`() {
        var spares = SpareBuffers()
        spares.keep([filled(1 << 20)])
        #expect(spares.take(64_000).storageCapacity < 1 << 20)
        #expect(spares.take((1 << 20) + 1).storageCapacity > 1 << 20)
        #expect(spares.take(1 << 20).storageCapacity == 1 << 20)
        // It was given away.
        spares.keep([filled(FrameWriter.large)])
        #expect(spares.take(1 << 20).readableBytes == 0)
    }

    @Test func `small buffers and slices of what others hold are not kept`() {
        #expect(!SpareBuffers.isWorthKeeping(filled(100)))
        #expect(SpareBuffers.isWorthKeeping(filled(FrameWriter.large)))
        var buffer = filled(1 << 20)
        let slice = buffer.readSlice(length: 1 << 18)
        #expect(!SpareBuffers.isWorthKeeping(slice ?? ByteBuffer()))
    }

    @Test func `no more is kept than 64 megabytes`() {
        var spares = SpareBuffers()
        spares.keep((0..<80).map { _ in filled(1 << 20) })
        var kept = 0
        while spares.take(1 << 20).readableBytes > 0 { kept += 1 }
        #expect(kept == 64)
    }

    /// A batch of messages with bodies of these sizes, read out in runs, and what `FrameWriter` makes of them.
    @Test(arguments: [[10, 20, 30], [40_000, 10, 40_000], [10, 70_000, 20, 30, 90_000], [2_000_000, 2_000_000, 5]])
    func `large messages keep their order among small ones, each once`(sizes: [Int]) throws {
        let channel = ChannelID(number: 1, epoch: 1)
        var expected = FrameWriter()
        expected.frameMax = 131_072
        var batch = PublicationBatch()
        for (index, size) in sizes.enumerated() {
            let message = OutgoingMessage.test([UInt8](repeating: UInt8(index), count: size))
            _ = try expected.write(message, channel: 1)
            var one = PublicationBatch()
            try one.append(
                message, on: channel, frameMax: 131_072, isReturnKeyNeeded: false,
                PublishWaiter(id: 1, target: .closure { _ in }), deadline: nil)
            batch.append(one)
        }
        let late = sizes.filter(FrameWriter.framedLate.contains)
        #expect(batch.publications.compactMap(\.body?.count) == late)
        #expect(batch.byteCount < sizes.count * 200 + sizes.reduce(0, +) - late.reduce(0, +))
        var out = FrameWriter()
        out.frameMax = 131_072
        var reader = PublicationBatch.Reader(batch)
        for publication in batch.publications { reader.send(publication, &out) }
        reader.flush(&out)
        #expect(out.byteCount == expected.byteCount)
        let sent = out.take().flatMap { Array($0.bytes.readableBytesView) }
        let isSame = sent == expected.take().flatMap { Array($0.bytes.readableBytesView) }
        #expect(isSame)
        #expect(out.byteCount == 0)

        // One by one, as when the gate is shut.
        reader = PublicationBatch.Reader(batch)
        for publication in batch.publications {
            out.append(reader.read(publication, &out))
            if let body = publication.body { out.append(body, channel: 1) }
        }
        let isSameOneByOne = out.take().flatMap { Array($0.bytes.readableBytesView) } == sent
        #expect(isSameOneByOne)
    }
}
