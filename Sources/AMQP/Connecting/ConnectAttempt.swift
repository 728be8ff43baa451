import Logging
import NIOConcurrencyHelpers
import NIOCore
import NIOPosix
import NIOSSL

/// One attempt to connect to one host: name resolution, TCP, TLS and login under one deadline, cancellable throughout.
///
///     pending(channels tried) ──login done──► settled
///                     └─ error, deadline, cancellation ──► settled, every socket closed
final class ConnectAttempt: Sendable {
    private enum State {
        case idle
        case pending(CheckedContinuation<Result<ConnectionCore, AMQPError>, Never>, channels: [any Channel])
        case settled
    }

    private let state = NIOLockedValueBox(State.idle)
    /// The connection that is being made, to tell how far it got.
    private let latest = NIOLockedValueBox<ConnectionCore?>(nil)
    private let configuration: AMQPConfiguration
    private let host: AMQPConfiguration.Host
    private let tls: NIOSSLContext?
    private let logger: Logger

    init(_ configuration: AMQPConfiguration, host: AMQPConfiguration.Host, tls: NIOSSLContext?, logger: Logger) {
        self.configuration = configuration
        self.host = host
        self.tls = tls
        self.logger = logger
    }

    func run() async throws(AMQPError) -> ConnectionCore {
        let result = await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let isCancelled = state.withLockedValue { state in
                    guard !Task.isCancelled else {
                        state = .settled
                        return true
                    }
                    state = .pending(continuation, channels: [])
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
        typealias Pending = (CheckedContinuation<Result<ConnectionCore, AMQPError>, Never>, [any Channel])
        let pending: Pending? = state.withLockedValue { state in
            guard case .pending(let continuation, let channels) = state else { return nil }
            state = .settled
            return (continuation, channels)
        }
        guard let (continuation, channels) = pending else { return }
        latest.withLockedValue { $0 = nil }
        if case .failure = result {
            for channel in channels { channel.close(promise: nil) }
        }
        continuation.resume(returning: result)
    }

    /// Notes a socket so that it can be closed; false when nobody wants it any more.
    private func note(_ channel: any Channel) -> Bool {
        state.withLockedValue { state in
            guard case .pending(let continuation, let channels) = state else { return false }
            state = .pending(continuation, channels: channels + [channel])
            return true
        }
    }

    private func connect() {
        let port = configuration.port(of: host)
        let timeout = TimeAmount(configuration.connectTimeout)
        let eventLoop = MultiThreadedEventLoopGroup.singleton.next()
        let deadline = eventLoop.scheduleTask(in: timeout) {
            let progress = self.latest.withLockedValue { $0 }?.read { $0.progress } ?? "TCP did not connect"
            self.settle(
                .failure(
                    AMQPError(
                        .connectionFailed,
                        "\(self.host) did not answer within \(self.configuration.connectTimeout): \(progress)")))
        }
        ClientBootstrap(group: eventLoop)
            .connectTimeout(timeout)
            .channelOption(.socketOption(.tcp_nodelay), value: 1)
            .channelOption(.socketOption(.so_keepalive), value: 1)
            .channelOption(
                .recvAllocator, value: AdaptiveRecvByteBufferAllocator(minimum: 2048, initial: 16_384, maximum: 262_144)
            )
            .channelInitializer { self.initialize($0, deadline) }
            .connect(host: host.name, port: port)
            .whenFailure { error in
                deadline.cancel()
                self.settle(
                    .failure(AMQPError(.connectionFailed, "\(self.host) cannot be reached", underlying: error)))
            }
    }

    private func initialize(_ channel: any Channel, _ deadline: Scheduled<Void>) -> EventLoopFuture<Void> {
        guard note(channel) else { return channel.eventLoop.makeFailedFuture(Self.cancelled) }
        return channel.eventLoop.makeCompletedFuture {
            let core = NIOLockedValueBox<ConnectionCore?>(nil)
            let machine = ConnectionMachine(
                configuration: configuration,
                openWaiter: .closure { result in
                    deadline.cancel()
                    guard let core = core.withLockedValue({ $0.take() }) else { return }
                    self.settle(result.map { core }.mapError { $0.naming(self.host) })
                })
            let made = ConnectionCore(machine, eventLoop: channel.eventLoop, logger: logger)
            core.withLockedValue { $0 = made }
            latest.withLockedValue { $0 = made }
            if let tls { try channel.pipeline.syncOperations.addHandler(tlsHandler(tls)) }
            let handler = ConnectionHandler(core: made, usesTLS: tls != nil)
            made.attach(handler)
            try channel.pipeline.syncOperations.addHandler(handler)
        }
    }

    private func tlsHandler(_ context: NIOSSLContext) throws -> NIOSSLClientHandler {
        let name = configuration.tls?.serverName ?? host.name
        // An address cannot be asked for by name; the certificate is verified against it all the same.
        let isAddress = (try? SocketAddress(ipAddress: name, port: 0)) != nil
        return try NIOSSLClientHandler(context: context, serverHostname: isAddress ? nil : name)
    }
}

extension AMQPError {
    /// The error with the host it is about in front.
    func naming(_ host: AMQPConfiguration.Host) -> AMQPError {
        AMQPError(code, "\(host): \(message)", replyCode: replyCode, underlying: underlying)
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
