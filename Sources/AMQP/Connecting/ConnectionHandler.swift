import Logging
import NIOConcurrencyHelpers
import NIOCore
import NIOSSL
import NIOTLS

/// The event loop's side of a connection: moves bytes between the socket and the state machine.
final class ConnectionHandler: ChannelDuplexHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private let core: ConnectionCore
    private var context: ChannelHandlerContext?
    private var isWriting = false
    /// Whether anything was written since the last tick.
    private var hasWritten = false
    /// How many bytes are being written.
    private var bytesInFlight = 0
    /// What of them the socket was not handed, the next one last: what is taken out is not held any more.
    private var unwritten: [FramePart] = []
    /// What the socket was handed and has not taken, but for a portion of a body.
    private var inFlight: [ByteBuffer] = []
    /// A portion of a body in frames, and the memory of the one before: the socket may hold that for a moment longer.
    private var portion = ByteBuffer()
    private var portionBefore = ByteBuffer()
    /// Whether the socket has something that the kernel has not taken.
    private var isSocketBusy = false
    private var isPumping = false
    /// After so many steps of writing the event loop looks at its sockets, however fast the peer takes what is written.
    private static let mostSteps = 32
    private var isClosing = false
    private var timer: Scheduled<Void>?
    private var armed: NIODeadline?
    private var transportError: AMQPError?
    /// Whether TCP ever connected: of several addresses of a name some may refuse, and theirs is not the connection's end.
    private var wasActive = false
    private var pacing = ReadPacing()
    private var isReadWanted = false
    private let host: AMQPConfiguration.Host
    private let tls: TLSContext?

    init(core: ConnectionCore, host: AMQPConfiguration.Host, tls: TLSContext?) {
        self.core = core
        self.host = host
        self.tls = tls
    }

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
        wasActive = context.channel.isActive
        if wasActive, tls == nil { begin() }
    }

    func channelActive(context: ChannelHandlerContext) {
        wasActive = true
        if tls == nil { begin() }
        context.fireChannelActive()
    }

    private func begin() {
        core.perform(isOnLoop: true) { $0.connected() }
        service()
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        // Not a byte, and so no credential, leaves before the peer is verified.
        if tls != nil, case .handshakeCompleted = event as? TLSUserEvent { begin() }
        context.fireUserInboundEventTriggered(event)
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        core.taskExecutor.noteRead()
        let (outcome, effects) = core.receive(unwrapInboundIn(data), now: .now())
        if pacing.received(outcome) {
            core.setLookDue(true)
            let handler = NIOLoopBound(self, eventLoop: context.eventLoop)
            context.eventLoop.scheduleTask(in: ReadPacing.window) { handler.value.endWindow() }
        }
        core.run(effects)
    }

    func read(context: ChannelHandlerContext) {
        if pacing.isPaused { isReadWanted = true } else { context.read() }
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        // Acks of what was read before this are sent with those of what was read now.
        service(acknowledging: !pacing.isOpen)
        context.fireChannelReadComplete()
    }

    /// Sends what was handed in since the read; later ones wake the event loop themselves.
    private func endWindow() {
        pacing.end()
        core.setLookDue(false)
        service()
        guard isReadWanted else { return }
        isReadWanted = false
        context?.read()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        if case .uncleanShutdown = error as? NIOSSLError {
            // The end of the stream says as much; what was lost is known from missing confirms.
            context.close(promise: nil)
            return
        }
        if transportError == nil { transportError = explain(error, context) }
        context.close(promise: nil)
    }

    private func explain(_ error: any Error, _ context: ChannelHandlerContext) -> AMQPError {
        guard let tls, AMQPError(transport: error).code == .tlsFailed else { return AMQPError(transport: error) }
        // Known even when it was refused, for as long as the handshake is not thrown away.
        let peer = try? context.pipeline.syncOperations.nioSSL_peerCertificate()
        return tls.failure(error, with: host, peer: peer, now: PeerCertificate.now())
    }

    func channelInactive(context: ChannelHandlerContext) {
        let error = transportError
        core.perform(isOnLoop: true) { $0.disconnected(error) }
        context.fireChannelInactive()
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        if wasActive { core.perform(isOnLoop: true) { $0.disconnected(transportError) } }
        timer?.cancel()
        timer = nil
        self.context = nil
        core.detach()
    }

    /// Writes what is pending, in one write; closes when that is wanted; arms the timer.
    func service(acknowledging: Bool = true) {
        guard let context else { return core.perform(isOnLoop: true) { _ in } }
        let (deadline, isOver) = core.perform(isOnLoop: true) { machine in
            let parts = machine.takeBytes(isWriting: isWriting, acknowledging: acknowledging)
            if !parts.isEmpty {
                isWriting = true
                bytesInFlight = parts.reduce(0) { $0 + $1.byteCount }
                unwritten = parts.reversed()
            }
            return (machine.nextDeadline(), machine.isOver)
        }
        arm(deadline)
        pump()
        if isOver { close(context) }
    }

    /// Writes for as long as the kernel takes what is written.
    private func pump() {
        guard !isPumping else { return }
        isPumping = true
        defer { isPumping = false }
        var steps = 0
        while isWriting, !isSocketBusy, let context {
            steps += 1
            guard steps <= Self.mostSteps else {
                let handler = NIOLoopBound(self, eventLoop: context.eventLoop)
                context.eventLoop.scheduleTask(in: EventLoopTaskExecutor.rest) { handler.value.pump() }
                return
            }
            if unwritten.isEmpty { wrote() } else { writeNext(context) }
        }
    }

    /// Hands the socket what is in frames, and of the body behind that a portion.
    ///
    /// If the socket will not have it, it is gone: nothing more is written, and what waits is told by
    /// ``channelInactive(context:)``.
    private func writeNext(_ context: ChannelHandlerContext) {
        isSocketBusy = true
        let handler = NIOLoopBound(self, eventLoop: context.eventLoop)
        let promise = context.eventLoop.makePromise(of: Void.self)
        promise.futureResult.whenSuccess { handler.value.tookNext() }
        loop: while let part = unwritten.popLast() {
            switch part {
            case .frames(let bytes):
                inFlight.append(bytes)
                context.write(wrapOutboundOut(bytes), promise: unwritten.isEmpty ? promise : nil)
            case .body(var body):
                swap(&portion, &portionBefore)
                portion.clear()
                body.writeNext(to: &portion)
                if !body.isWritten { unwritten.append(.body(body)) }
                context.write(wrapOutboundOut(portion), promise: promise)
                break loop
            }
        }
        context.flush()
    }

    /// The kernel has taken what it was handed.
    private func tookNext() {
        isSocketBusy = false
        core.recycle(inFlight)
        inFlight.removeAll(keepingCapacity: true)
        pump()
    }

    /// The kernel has taken the batch.
    private func wrote() {
        isWriting = false
        hasWritten = true
        let count = bytesInFlight
        // A frame that is larger than a portion is not kept.
        if portion.capacity > 2 * BodyFrames.portion { releasePortions() }
        core.perform(isOnLoop: true) { $0.written(count, now: .now()) }
        service()
    }

    /// Closes after the last batch, a close or close-ok, has left; a peer that reads nothing does not hold us up.
    private func close(_ context: ChannelHandlerContext) {
        guard isWriting else { return context.close(promise: nil) }
        guard !isClosing else { return }
        isClosing = true
        let handler = NIOLoopBound(self, eventLoop: context.eventLoop)
        context.eventLoop.scheduleTask(in: .milliseconds(500)) { handler.value.context?.close(promise: nil) }
    }

    private func arm(_ deadline: NIODeadline?) {
        guard let deadline, let context else { return }
        if let armed, armed <= deadline { return }
        timer?.cancel()
        armed = deadline
        let handler = NIOLoopBound(self, eventLoop: context.eventLoop)
        timer = context.eventLoop.scheduleTask(deadline: deadline) { handler.value.tick() }
    }

    private func releasePortions() {
        (portion, portionBefore) = (ByteBuffer(), ByteBuffer())
    }

    private func tick() {
        armed = nil
        timer = nil
        if !hasWritten, !isWriting {
            core.releaseSpares()
            releasePortions()
        }
        hasWritten = false
        core.perform(isOnLoop: true) { $0.tick(now: .now()) }
        service()
    }
}

extension AMQPError {
    /// An error of the socket or of TLS.
    init(transport error: any Error) {
        switch error {
        case let error as AMQPError: self = error
        case is NIOSSLError, is BoringSSLError, is NIOSSLExtraError:
            self.init(.tlsFailed, "TLS with the broker failed", underlying: error)
        default: self.init(.connectionClosed, "the connection broke", underlying: error)
        }
    }
}
