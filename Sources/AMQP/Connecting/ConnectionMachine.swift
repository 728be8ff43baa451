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
    var held = ByteBuffer()
    /// The body frame that is taken in parts; nothing is held meanwhile.
    var partialBody: PartialBody?
    /// What the last read brought.
    var outcome = ReadOutcome()
    var heartbeat: HeartbeatClock?
    var openWaiter: Waiter<Result<Void, AMQPError>>?
    var isConnected = false
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
    var withDeliveries: [UInt16] = []
    var withAcknowledgements: [UInt16] = []
    /// Body frames of at least so many bytes are taken in parts; smaller ones are kept until they are whole.
    var smallestPartialBody = 1024
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
    var armedDeadline: NIODeadline?

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

    // MARK: The end

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
        // Nobody is held up by a connection that is no more; it has no other use for the time of day.
        unblock(now: .now())
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
    mutating func takeBytes(isWriting: Bool, acknowledging: Bool = true) -> [FramePart] {
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
}
