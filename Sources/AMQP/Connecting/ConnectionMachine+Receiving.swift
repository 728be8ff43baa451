import Logging
import NIOCore

/// Bytes in: whole frames are taken where they were read, what is left over is kept until the rest has come.
extension ConnectionMachine {
    /// The socket is connected (and encrypted, with TLS).
    mutating func connected() {
        isConnected = true
        out.frames.writeProtocolHeader()
        wantWake()
    }

    /// Takes what was read; everything it leads to is in the effects and in the batch afterwards.
    mutating func receive(_ bytes: ByteBuffer, now: NIODeadline) {
        guard !isOver else { return }
        heartbeat?.received(at: now)
        var input = bytes
        if held.readableBytes > 0 { finishHeld(from: &input, now: now) }
        if held.readableBytes == 0, !isOver {
            let consumed = input.withUnsafeReadableBytes { receive($0, now: now) }
            input.moveReaderIndex(forwardBy: consumed)
            // A copy, so that the socket's buffer can be used for the next read.
            if !isOver { held.writeImmutableBuffer(input) }
        }
        outcome = ReadOutcome()
        for number in withDeliveries { channels[Int(number)]?.flushDeliveries(&out, &outcome) }
        withDeliveries.removeAll(keepingCapacity: true)
        refuseUnreadAnswers()
        wantWake()
    }

    /// Each answer costs the peer a few bytes; one that keeps asking and reads nothing must not cost us our memory.
    private mutating func refuseUnreadAnswers() {
        guard out.unsentAnswers > Self.highWater, !isOver else { return }
        finish(
            AMQPError(
                .protocolViolation,
                "the broker goes on asking while \(out.unsentAnswers) bytes of answers wait to be read by it",
                replyCode: 506))
    }

    /// Completes the frame that has begun with as many bytes as it lacks, and takes it.
    private mutating func finishHeld(from input: inout ByteBuffer, now: NIODeadline) {
        while !isOver, held.readableBytes > 0 {
            let missing = held.withUnsafeReadableBytes { FrameScanner.missing(after: $0) }
            guard let part = input.readSlice(length: min(missing, input.readableBytes)), part.readableBytes > 0
            else { return }
            held.writeImmutableBuffer(part)
            // As soon as its head is there a frame is checked, whole or not.
            let consumed = held.withUnsafeReadableBytes { receive($0, now: now) }
            held.moveReaderIndex(forwardBy: consumed)
        }
        // The memory of an exceptional frame is not kept.
        if held.capacity > 262_144 { held = ByteBuffer() } else { held.clear() }
    }

    private mutating func receive(_ bytes: UnsafeRawBufferPointer, now: NIODeadline) -> Int {
        let pool = DecodingPool()
        var offset = 0
        do throws(AMQPError) {
            if case .start = phase, try Greeting.isIncomplete(bytes) { return 0 }
            offset = try continueBody(bytes)
            while !isOver, partialBody == nil, offset < bytes.count {
                let rest = UnsafeRawBufferPointer(rebasing: bytes[offset...])
                guard let frame = try scanner.next(in: rest) else {
                    offset += try beginBody(rest)
                    break
                }
                try receive(frame, pool, now: now)
                offset += frame.size
                pool.recycle()
            }
        } catch {
            violate(error)
        }
        return offset
    }

    private mutating func receive(_ frame: Frame, _ pool: borrowing DecodingPool, now: NIODeadline) throws(AMQPError) {
        switch frame.kind {
        case .heartbeat: break
        case .method:
            let method = try InboundMethod(payload: frame.payload, pool: pool, names: &names)
            if frame.channel == 0 {
                try receiveOnConnection(method, now: now)
            } else {
                try receive(method, on: frame.channel)
            }
        case .header, .body:
            guard Int(frame.channel) < channels.count,
                let isFirstDelivery = try channels[Int(frame.channel)]?.receiveContent(frame, &out)
            else { throw notOpen(frame.channel) }
            if isFirstDelivery { noteDeliveries(on: frame.channel) }
        }
    }

    /// A channel has something for its consumers.
    mutating func noteDeliveries(on channel: UInt16) { withDeliveries.append(channel) }

    // A channel is changed where it is, and asked nothing from outside, which would copy it: this runs per frame.

    private mutating func receive(_ method: InboundMethod, on number: UInt16) throws(AMQPError) {
        guard Int(number) < channels.count, let disposition = try channels[Int(number)]?.receive(method, &out) else {
            throw notOpen(number)
        }
        switch disposition {
        case .stays: break
        case .gone(let error): end(number, error)
        case .flow(let isActive): setFlow(isActive, on: number)
        }
    }

    private func notOpen(_ number: UInt16) -> AMQPError {
        AMQPError(.protocolViolation, "the broker sent a frame on channel \(number), which is not open", replyCode: 504)
    }

    /// A frame or method that breaks the protocol: say why, and end the connection.
    mutating func violate(_ error: AMQPError) {
        if case .start = phase {
        } else {
            let payload = ClosePayload(
                code: error.replyCode ?? 541, text: BrokerReply.printable(error.message, bytes: 250))
            out.send(.connectionClose(payload), channel: 0)
        }
        out.effects.append(.log(.error, "closing the connection: \(error)"))
        finish(error)
    }
}
