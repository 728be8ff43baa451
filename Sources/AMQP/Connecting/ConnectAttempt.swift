import Logging
import NIOConcurrencyHelpers
import NIOCore
import NIOPosix

/// One attempt to connect to one host: name resolution, TCP, TLS and login under one deadline, cancellable throughout.
///
///     pending(channels tried) ──login done──► settled
///                     └─ error, deadline, cancellation ──► settled, every socket closed
final class ConnectAttempt: Sendable {
    private struct Pending {
        let continuation: ValueContinuation<Result<ConnectionCore, AMQPError>>
        var deadline: Scheduled<Void>?
        var channels: [any Channel] = []
        /// The connection that is being made, to tell how far it got.
        var latest: ConnectionCore?
    }

    private enum State {
        case idle
        case pending(Pending)
        case settled
    }

    private let state = NIOLockedValueBox(State.idle)
    private let configuration: AMQPConfiguration
    /// With its port.
    private let host: AMQPConfiguration.Host
    private let tls: TLSContext?
    private let eventLoop: any EventLoop
    private let logger: Logger
    /// `nil` for the system's.
    private let resolver: (any Resolver & Sendable)?

    init(
        _ configuration: AMQPConfiguration, host: AMQPConfiguration.Host, tls: TLSContext?,
        on eventLoop: any EventLoop = ConnectAttempt.anyEventLoop(), logger: Logger,
        resolver: (any Resolver & Sendable)? = nil
    ) {
        self.configuration = configuration
        self.host = .init(name: host.name, port: configuration.port(of: host))
        self.tls = tls
        self.eventLoop = eventLoop
        self.logger = logger
        self.resolver = resolver
    }

    /// One of the event loops that connections share, each in turn.
    static func anyEventLoop() -> any EventLoop { MultiThreadedEventLoopGroup.singleton.next() }

    func run() async throws(AMQPError) -> ConnectionCore {
        let result = await withTaskCancellationHandler {
            await withValueContinuation { continuation in
                let isCancelled = state.withLockedValue { state in
                    guard !Task.isCancelled else {
                        state = .settled
                        return true
                    }
                    state = .pending(Pending(continuation: continuation))
                    return false
                }
                if isCancelled { continuation.resume(returning: .failure(Self.cancelled)) } else { connect() }
            }
        } onCancel: {
            settle(.failure(Self.cancelled))
        }
        return try result.get()
    }

    private static let cancelled = AMQPError(.cancelled, "the task that connects was cancelled")

    private func settle(_ result: Result<ConnectionCore, AMQPError>) {
        let pending: Pending? = state.withLockedValue { state in
            guard case .pending(let pending) = state else { return nil }
            state = .settled
            return pending
        }
        guard let pending else { return }
        pending.deadline?.cancel()
        if case .failure = result {
            for channel in pending.channels { channel.close(promise: nil) }
        }
        pending.continuation.resume(returning: result)
    }

    /// Changes what is pending; false when nobody waits any more.
    private func note(_ change: (inout Pending) -> Void) -> Bool {
        state.withLockedValue { state in
            guard case .pending(var pending) = state else { return false }
            change(&pending)
            state = .pending(pending)
            return true
        }
    }

    private func connect() {
        let timeout = TimeAmount(configuration.connectTimeout)
        let deadline = eventLoop.scheduleTask(in: timeout) { self.giveUp() }
        guard note({ $0.deadline = deadline }) else { return deadline.cancel() }
        ClientBootstrap(group: eventLoop)
            .resolver(resolver)
            // The deadline is for all of it, and is told as one.
            .connectTimeout(timeout + .seconds(1))
            .channelOption(.tcpOption(.tcp_nodelay), value: 1)
            .channelOption(.socketOption(.so_keepalive), value: 1)
            // Reads grow while they find more than they can hold: of bodies of 2 MB, reads of up to 4 MB take a quarter less
            // of the processor than reads of up to 256 KB. A connection that has brought such keeps one buffer of that size.
            .channelOption(
                .recvAllocator, value: AdaptiveRecvByteBufferAllocator(minimum: 2048, initial: 16_384, maximum: 4 << 20)
            )
            .channelInitializer { self.initialize($0) }
            .connect(host: host.name, port: configuration.port(of: host))
            .whenFailure { error in
                self.settle(
                    .failure(AMQPError(.connectionFailed, "\(self.host) cannot be reached", underlying: error)))
            }
    }

    private func giveUp() {
        let (isReached, latest) = state.withLockedValue { state -> (Bool, ConnectionCore?) in
            guard case .pending(let pending) = state else { return (false, nil) }
            return (pending.channels.contains { $0.isActive }, pending.latest)
        }
        let machine = latest?.read { $0.progress }
        let progress = machine ?? (isReached ? "TLS did not finish" : "TCP did not connect")
        settle(
            .failure(
                AMQPError(
                    .connectionFailed, "\(host) did not answer within \(configuration.connectTimeout): \(progress)")))
    }

    private func initialize(_ channel: any Channel) -> EventLoopFuture<Void> {
        guard note({ $0.channels.append(channel) }) else { return channel.eventLoop.makeFailedFuture(Self.cancelled) }
        return channel.eventLoop.makeCompletedFuture {
            let core = NIOLockedValueBox<ConnectionCore?>(nil)
            let machine = ConnectionMachine(
                configuration: configuration,
                openWaiter: .closure { result in
                    guard let core = core.withLockedValue({ $0.take() }) else { return }
                    self.settle(result.map { core }.mapError { $0.on(self.host) })
                })
            let made = ConnectionCore(machine, eventLoop: channel.eventLoop, logger: logger)
            core.withLockedValue { $0 = made }
            // An address that refuses never tells the waiter, which holds what holds it.
            channel.closeFuture.whenComplete { _ in core.withLockedValue { $0 = nil } }
            // Not when nobody waits any more: then it would hold, and be held, for ever.
            _ = note { $0.latest = made }
            if let tls { try channel.pipeline.syncOperations.addHandler(tls.handler(for: host)) }
            let handler = ConnectionHandler(core: made, host: host, tls: tls)
            made.attach(handler)
            try channel.pipeline.syncOperations.addHandler(handler)
        }
    }
}

extension TimeAmount {
    init(_ duration: Duration) {
        let (seconds, attoseconds) = duration.components
        // Three hundred years are enough, and do not overflow.
        let whole = min(max(seconds, 0), 9_000_000_000)
        self = .nanoseconds(whole * 1_000_000_000 + attoseconds / 1_000_000_000)
    }
}

extension NIODeadline {
    static func after(_ duration: Duration) -> NIODeadline {
        .now() + TimeAmount(min(duration, .seconds(1_000_000_000)))
    }
}
