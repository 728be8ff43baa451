import Logging
import NIOCore

/// A connection as a state machine: bytes and calls in, bytes and effects out, no I/O and no clock of its own.
///
///     start ──► tune ──► openOK ──► open ──close()──► closing ──close-ok──► over
///       └────────┴─────────┴──────────┴─ close from the broker, end of stream, bad frame, silence ─► over
///
/// It is a value inside the connection's one lock. Callers encode under it and leave; the event loop takes what was
/// written as one batch. Effects run after the lock is released, in order.
struct ConnectionMachine: Sendable {
    enum Phase: Sendable {
        case start
        case tune
        case openOK
        case open
        case closing
        /// `nil` after our own close.
        case over(AMQPError?)
    }

    /// A message that waits for the gate.
    struct Gated: Sendable {
        var frames: ByteBuffer
        var publication: PublicationBatch.Publication
    }

    /// Publishers wait above this many bytes that the kernel has not taken.
    static let highWater = 8 << 20
    /// They go on below this many.
    static let lowWater = 2 << 20

    let configuration: AMQPConfiguration
    var phase = Phase.start
    var out = Output()
    var scanner: FrameScanner
    var names = NameCache()
    /// The beginning of a frame whose rest has not arrived.
    private var held = ByteBuffer()
    /// The body frame that is taken in parts; nothing is held meanwhile.
    var partialBody: PartialBody?
    /// What the last read brought.
    var outcome = ReadOutcome()
    var heartbeat: HeartbeatClock?
    var openWaiter: Waiter<Result<Void, AMQPError>>?
    private var isConnected = false
    var closeWaiters: [(id: UInt64, waiter: Waiter<AMQPError?>)] = []
    var closeDeadline: NIODeadline?

    var serverProperties = FieldTable()
    var blockedReason: String?
    var blockedSince: NIODeadline?
    /// How long earlier blocks lasted.
    var blockedBefore: TimeAmount = .zero

    // MARK: Channels

    /// By number; index 0 is unused.
    var channels: [ChannelMachine?] = [nil]
    var lastEpoch: UInt64 = 0
    /// Why channels ended, until their handles are gone; the error is `nil` after our own close.
    var ended: [UInt64: AMQPError?] = [:]
    private var withDeliveries: [UInt16] = []
    var withAcknowledgements: [UInt16] = []
    /// Which channels take settlements, for the intake.
    var channelChanges: [Intake.ChannelChange] = []

    // MARK: Sending

    /// Publishes that wait for the gate, in order.
    var gated = CircularBuffer<Gated>()
    var isOverHighWater = false
    /// Channels on which the broker wants no content at the moment (channel.flow).
    var stoppedChannels: Set<UInt16> = []
    var bytesInFlight = 0
    private var isWakeWanted = false
    private var isWakeScheduled = false
    /// No deadline is earlier than this.
    var earliestDeadline: NIODeadline?
    private var armedDeadline: NIODeadline?

    init(configuration: AMQPConfiguration, openWaiter: Waiter<Result<Void, AMQPError>>) {
        self.configuration = configuration
        self.openWaiter = openWaiter
        // connection.start comes before any limit is negotiated; it is small, but not bound to 4096.
        scanner = FrameScanner(frameMax: max(Int(configuration.frameMax), 131_072), channelMax: 0)
    }

    var isOver: Bool {
        if case .over = phase { true } else { false }
    }

    /// What a call fails with when the connection cannot take it; `nil` when it can.
    var refusal: AMQPError? {
        switch phase {
        case .open: nil
        case .over(let error?):
            error.with(.connectionClosed)
        case .over(nil), .closing: AMQPError(.closed, "the connection was closed")
        case .start, .tune, .openOK: AMQPError(.connectionFailed, "the connection is not open yet")
        }
    }

    /// How far the login got, for whoever gives up waiting for it.
    ///
    /// `nil` before it began.
    var progress: String? {
        switch phase {
        case .start where !isConnected: nil
        case .start: "it was connected, but sent no connection.start"
        case .tune: "the credentials were sent, but no connection.tune came"
        case .openOK: "the login was accepted, but no connection.open-ok came"
        case .open, .closing, .over: "it was connected"
        }
    }

    // MARK: Bytes in

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
            let payload = ClosePayload(code: error.replyCode ?? 541, text: String(error.message.prefix(120)))
            out.send(.connectionClose(payload), channel: 0)
        }
        out.effects.append(.log(.error, "closing the connection: \(error)"))
        finish(error)
    }

    /// The socket is gone.
    mutating func disconnected(_ error: AMQPError?) {
        guard !isOver else { return }
        switch phase {
        case .closing: finish(nil)
        case .start, .tune, .openOK:
            // A reset says no more than an end; what TLS has to say stays.
            let isEnd = error.map { $0.code == .connectionClosed } ?? true
            let end = AMQPError(
                .connectionFailed, "the broker hung up during the login", underlying: error?.underlying)
            finish(isEnd ? end : error)
        default: finish(error ?? AMQPError(.connectionClosed, "the broker hung up without a word"))
        }
    }

    /// Ends the connection: everything that waits is told, once.
    mutating func finish(_ error: AMQPError?) {
        guard !isOver else { return }
        phase = .over(error)
        let cause =
            error.map { $0.with($0.code == .protocolViolation ? .protocolViolation : .connectionClosed) }
            ?? AMQPError(.closed, "the connection was closed")
        for index in channels.indices {
            guard let epoch = channels[index]?.epoch else { continue }
            channels[index]?.flushDeliveries(&out, &outcome)
            channels[index]?.end(cause, &out)
            channels[index] = nil
            ended.updateValue(cause, forKey: epoch)
        }
        channelChanges.append(.allEnded)
        while let entry = gated.popFirst() { out.complete(entry.publication.waiter, cause) }
        if let openWaiter { out.effects.append(.opened(openWaiter, .failure(error ?? cause))) }
        openWaiter = nil
        for (_, waiter) in closeWaiters { out.effects.append(.closed(waiter, error)) }
        closeWaiters = []
        heartbeat = nil
        out.spareBodies.close()
        earliestDeadline = nil
        closeDeadline = nil
        wantWake()
    }

    /// The changes since the last time.
    mutating func takeChannelChanges() -> [Intake.ChannelChange] {
        guard !channelChanges.isEmpty else { return [] }
        defer { channelChanges = [] }
        return channelChanges
    }

    // MARK: Batches out

    /// Notes that the event loop has something to do.
    mutating func wantWake() {
        isWakeWanted = true
    }

    /// Whether the caller must wake the event loop; only the first of many does.
    mutating func takeWake() -> Bool {
        guard isWakeWanted, !isWakeScheduled else { return false }
        isWakeScheduled = true
        return true
    }

    /// The event loop is here: everything written so far, in the order in which it is to be sent.
    ///
    /// - Parameter acknowledging: whether acks are due; otherwise they wait for others.
    mutating func takeBytes(isWriting: Bool, acknowledging: Bool = true) -> [ByteBuffer] {
        isWakeWanted = false
        isWakeScheduled = false
        guard !isWriting else { return [] }
        if acknowledging || out.frames.byteCount > 0 { flushAcknowledgements() }
        guard out.frames.byteCount > 0 else { return [] }
        bytesInFlight += out.frames.byteCount
        return out.takeBytes()
    }

    mutating func flushAcknowledgements() {
        guard !withAcknowledgements.isEmpty else { return }
        for number in withAcknowledgements { channels[Int(number)]?.flushAcknowledgements(&out) }
        withAcknowledgements.removeAll(keepingCapacity: true)
    }

    /// A batch has left for the kernel.
    mutating func written(_ count: Int, now: NIODeadline) {
        bytesInFlight -= count
        heartbeat?.sent(at: now)
        openGate()
    }

    // MARK: Time

    /// Notes a deadline; wakes the event loop if its timer is set for later.
    mutating func noteDeadline(_ deadline: NIODeadline?) {
        guard let deadline else { return }
        earliestDeadline = earliestDeadline.map { min($0, deadline) } ?? deadline
        if let armedDeadline, armedDeadline <= deadline { return }
        wantWake()
    }

    /// When the event loop's timer must fire next; the loop promises to arm it.
    mutating func nextDeadline() -> NIODeadline? {
        var next = earliestDeadline
        for candidate in [heartbeat?.nextCheck, closeDeadline] {
            guard let candidate else { continue }
            next = next.map { min($0, candidate) } ?? candidate
        }
        armedDeadline = next
        return next
    }

    /// The timer fired: heartbeats and deadlines.
    mutating func tick(now: NIODeadline) {
        armedDeadline = nil
        out.spareBodies.releaseUnused()
        guard !isOver else { return }
        if let closeDeadline, now >= closeDeadline { return finish(nil) }
        switch heartbeat?.check(at: now) {
        case .sendHeartbeat where out.frames.byteCount == 0 && bytesInFlight == 0:
            out.frames.writeHeartbeat()
        case .dead:
            return finish(AMQPError(.connectionClosed, "the broker was silent for two heartbeat intervals"))
        default: break
        }
        if let earliestDeadline, now >= earliestDeadline { expire(now: now) }
        wantWake()
    }

    private mutating func expire(now: NIODeadline) {
        let error = AMQPError(.timedOut, "the broker did not answer in time; whether it did it is unknown")
        let late: (UInt64, NIODeadline?) -> Bool = { _, deadline in deadline.map { $0 <= now } ?? false }
        for index in channels.indices { channels[index]?.abandon(error, &out, where: late) }
        abandonGated(AMQPError(.timedOut, "the message could not be sent in time; it was not sent")) {
            late($0.publication.waiter.id, $0.publication.deadline)
        }
        var earliest = gated.lazy.compactMap(\.publication.deadline).min()
        for channel in channels {
            guard let deadline = channel?.earliestDeadline else { continue }
            earliest = earliest.map { min($0, deadline) } ?? deadline
        }
        earliestDeadline = earliest
    }
}
