public import Logging
import NIOConcurrencyHelpers
import NIOCore

/// One physical connection to a broker; it dies with its socket.
///
/// ``AMQPClient`` is the one that lives on.
///
/// All calls may be made from any task. A connection that publishes much and one that consumes much should be two:
/// a broker short of memory or disk stops reading what a publishing connection sends, acknowledgements included.
public final class AMQPConnection: Sendable {
    let core: ConnectionCore
    /// The host that was reached.
    public let host: AMQPConfiguration.Host
    /// What the broker says about itself.
    public let serverProperties: FieldTable
    /// The negotiated frame size, in bytes.
    let frameMax: Int

    init(core: ConnectionCore, host: AMQPConfiguration.Host) {
        self.core = core
        self.host = host
        (serverProperties, frameMax) = core.read { ($0.serverProperties, $0.out.frames.frameMax) }
    }

    deinit {
        core.perform { $0.close(.closure { _ in }, deadline: .now() + .seconds(5)) }
    }

    /// The broker's version, for example `3.10.8`.
    public var brokerVersion: String? { serverProperties["version"]?.stringValue }

    /// Whether the broker refuses to take publishes at the moment, for it is short of memory or disk.
    public var isBlocked: Bool { core.read { $0.blockedReason != nil } }

    /// For how long the broker has refused to take publishes, this time and earlier ones together.
    public var blockedTime: Duration {
        let (before, since) = core.read { ($0.blockedBefore, $0.blockedSince) }
        let now = since.map { NIODeadline.now() - $0 } ?? .zero
        return .nanoseconds((before + now).nanoseconds)
    }

    /// Runs tasks on the thread that reads from and writes to the socket.
    ///
    /// Tasks that prefer it and wait for confirms or deliveries take about 60 % of the processor time for each: what is read
    /// resumes them, and what they hand in is written, without waking another thread.
    ///
    ///     try await withTaskExecutorPreference(connection.taskExecutor) {
    ///         try await withThrowingTaskGroup(of: Void.self) { group in
    ///             for part in parts { group.addTask { for message in part { try await channel.publish(message) } } }
    ///             try await group.waitForAll()
    ///         }
    ///     }
    ///
    /// While such a task computes or blocks, nothing is read, written or answered, heartbeats included, and not only on
    /// this connection: connections share threads. It is for short work between one call and the next. Actors that such a
    /// task calls run there too, unless they have executors of their own. Tasks go on there when the connection has ended.
    public var taskExecutor: any TaskExecutor { core.taskExecutor }

    /// Whether calls can be made.
    public var isOpen: Bool { core.read { $0.refusal == nil } }

    /// Connects to the first host that answers and logs in.
    ///
    /// A host that cannot be reached, or is not what it should be, makes way for the next one; a refused login does
    /// not, since the hosts of one configuration share their users.
    /// - Throws: the last host's error: `.connectionFailed`, `.tlsFailed`, `.authenticationRefused` or
    ///   `.protocolViolation`; or `.invalidArgument` for what cannot work, before anything is tried; or `.cancelled`.
    public static func connect(
        _ configuration: AMQPConfiguration, logger: Logger
    ) async throws(AMQPError) -> AMQPConnection {
        try await connect(configuration, hosts: configuration.hosts, logger: logger)
    }

    static func connect(
        _ configuration: AMQPConfiguration, hosts: [AMQPConfiguration.Host],
        on eventLoop: any EventLoop = ConnectAttempt.anyEventLoop(), logger: Logger
    ) async throws(AMQPError) -> AMQPConnection {
        try configuration.validate()
        let tls: TLSContext? = if let options = configuration.tls { try await options.context() } else { nil }
        var last = AMQPError(.invalidArgument, "the configuration names no host")
        for host in hosts {
            var logger = logger
            logger[metadataKey: "broker_host"] = "\(host)"
            do {
                let core = try await ConnectAttempt(
                    configuration, host: host, tls: tls, on: eventLoop, logger: logger
                ).run()
                let connection = AMQPConnection(core: core, host: host)
                logger.debug("connected", metadata: ["broker_version": "\(connection.brokerVersion ?? "-")"])
                return connection
            } catch {
                logger.debug("cannot connect", metadata: ["error": "\(error)"])
                last = error
                guard error.code != .cancelled, error.code != .authenticationRefused else { break }
            }
        }
        throw last
    }

    /// Opens a channel (`channel.open`).
    ///
    /// - Parameter confirms: whether publishing on it waits for the broker's confirm (`confirm.select`). Without them
    ///   nobody learns of a lost message.
    /// - Throws: `.invalidArgument` when all channels are in use, `.timedOut` after ``AMQPConfiguration/rpcTimeout``,
    ///   `.cancelled`, `.closed`, `.connectionClosed`.
    public func openChannel(confirms: Bool = false) async throws(AMQPError) -> AMQPChannel {
        let id = WaiterID.next()
        let opened = NIOLockedValueBox<ChannelID?>(nil)
        let deadline = NIODeadline.after(core.configuration.rpcTimeout)
        let result = await withTaskCancellationHandler {
            await withValueContinuation { continuation in
                core.perform { machine in
                    // Asked under the lock, so that a cancellation either is seen here or finds the call.
                    let channel = machine.openChannel(
                        confirms: confirms, id: id, .task(continuation), deadline: deadline,
                        isCancelled: Task.isCancelled)
                    opened.withLockedValue { $0 = channel }
                }
            }
        } onCancel: {
            core.perform { $0.cancelCall(id, on: nil) }
        }
        guard let channel = opened.withLockedValue({ $0 }) else {
            _ = try result.get()
            throw AMQPError(.closed, "the channel was not opened")
        }
        do throws(AMQPError) {
            _ = try result.get()
        } catch {
            // No handle will ask why it ended.
            core.perform { $0.forget(channel) }
            throw error
        }
        return AMQPChannel(channel, on: self, hasConfirms: confirms)
    }

    /// Says goodbye and waits for the answer, at most until the deadline; then the socket is closed without it.
    ///
    /// What was settled before is said before; unsettled deliveries go back. A second call waits for the same end. In a
    /// task that is cancelled, 50 ms are left for the answer. AMQP 0-9-1 §2.2.4.
    ///
    /// Consumers are stopped first: a quorum queue of RabbitMQ would forget what was settled just before the close and
    /// deliver it again. For what is settled after its consumer was stopped, and is much, it may do so all the same.
    /// - Parameter deadline: how long to wait at most.
    public func close(deadline: Duration = .seconds(5)) async {
        let end = NIODeadline.after(deadline)
        // Half of the time: a broker that does not answer this may answer the goodbye.
        await core.endConsumers(until: .after(deadline / 2))
        _ = await withTaskCancellationHandler {
            await withValueContinuation { continuation in
                core.perform { machine in
                    machine.close(
                        .task(continuation), deadline: Task.isCancelled ? min(end, .after(Self.haste)) : end)
                }
            }
        } onCancel: {
            core.perform { $0.close(.closure { _ in }, deadline: .after(Self.haste)) }
        }
    }

    private static let haste = Duration.milliseconds(50)

    /// Waits for the end of the connection and returns its reason; `nil` after our own ``close(deadline:)``.
    ///
    /// A task that is cancelled gets `.cancelled`, and the connection stays as it is.
    public func waitUntilClosed() async -> AMQPError? {
        let id = WaiterID.next()
        return await withTaskCancellationHandler {
            await withValueContinuation { continuation in
                core.perform { $0.waitUntilClosed(id, .task(continuation), isCancelled: Task.isCancelled) }
            }
        } onCancel: {
            core.perform { $0.cancelWaitUntilClosed(id) }
        }
    }
}

extension AMQPConfiguration {
    /// Refuses what cannot work before anything is tried.
    func validate() throws(AMQPError) {
        func refuse(_ what: String) -> AMQPError { AMQPError(.invalidArgument, what) }
        guard !hosts.isEmpty else { throw refuse("the configuration names no host") }
        for host in hosts where !(1...65_535).contains(port(of: host)) {
            throw refuse("\(host) has no port from 1 to 65535")
        }
        guard frameMax >= CodecLimits.minimumFrameMax else { throw refuse("frameMax must be at least 4096") }
        guard virtualHost.utf8.count <= CodecLimits.shortString else {
            throw refuse("the name of the virtual host has more than 255 bytes")
        }
        guard heartbeat >= .zero else { throw refuse("heartbeat must not be negative") }
        guard maximumBodySize >= 0 else { throw refuse("maximumBodySize must not be negative") }
        if let name = connectionName, name.utf8.count > 1024 { throw refuse("connectionName is over 1024 bytes") }
        if let name = tls?.serverName, TLSContext.isAddress(name), hosts.contains(where: { $0.name != name }) {
            throw refuse("serverName must be a name: an address is verified only where it is the host's own")
        }
        if case .external = credentials, tls?.certificateFile == nil {
            throw refuse("external credentials need TLS with a client certificate")
        }
    }
}
