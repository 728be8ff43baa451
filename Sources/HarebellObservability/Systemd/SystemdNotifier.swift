public import Logging
public import ServiceLifecycle
import Synchronization

#if canImport(Darwin)
    import Darwin
#elseif canImport(Musl)
    import Musl
#else
    import Glibc
#endif

/// Tells systemd how the service is: `READY=1` once it has begun to work, `STOPPING=1` at its end, and `WATCHDOG=1` for as
/// long as it makes progress.
///
/// ```ini
/// [Service]
/// Type=notify
/// WatchdogSec=30s
/// ```
/// A broker that is away at the start is waited for, so the start is prolonged (`EXTEND_TIMEOUT_USEC`) until it is there;
/// `systemctl status` says so. Without `NOTIFY_SOCKET` there is none to tell, and ``init(environment:live:started:logger:)``
/// returns nil.
public struct SystemdNotifier: Service {
    private let socket: NotifySocket
    /// How often the watchdog wants to hear of us; nil when there is none.
    private let watchdog: Duration?
    private let live: @Sendable () async -> StatusReport
    private let started: @Sendable () async -> StatusReport
    private let logger: Logger
    private let poll: Duration

    /// A notifier for the manager that `environment` names.
    /// - Parameters:
    ///   - environment: of the process: `NOTIFY_SOCKET`, `WATCHDOG_USEC`, `WATCHDOG_PID`.
    ///   - live: whether the process makes progress.
    ///   - started: whether it has begun to work.
    ///   - logger: where it says what it told.
    public init?(
        environment: [String: String], live: @escaping @Sendable () async -> StatusReport,
        started: @escaping @Sendable () async -> StatusReport, logger: Logger
    ) {
        guard let socket = environment["NOTIFY_SOCKET"].flatMap({ NotifySocket(address: $0) }) else { return nil }
        self.socket = socket
        self.live = live
        self.started = started
        self.logger = logger
        poll = .milliseconds(200)
        let isForUs = environment["WATCHDOG_PID"].map { $0 == "\(getpid())" } ?? true
        let microseconds = environment["WATCHDOG_USEC"].flatMap { Int64($0) }.flatMap { $0 > 0 ? $0 : nil }
        watchdog = isForUs ? microseconds.map { .microseconds($0) } : nil
    }

    /// Tells until graceful shutdown or cancellation.
    public func run() async throws {
        await withGracefulShutdownHandler {
            try? await cancelWhenGracefulShutdown { try await tell() }
        } onGracefulShutdown: {
            socket.send("STOPPING=1\nSTATUS=finishing what is in hand")
        }
    }

    private func tell() async throws {
        var isReady = false
        var nextSign = ContinuousClock.now
        var nextExtension = ContinuousClock.now
        while true {
            let now = ContinuousClock.now
            if !isReady {
                let report = await started()
                if report.isOK {
                    isReady = true
                    socket.send("READY=1\nSTATUS=working")
                    logger.debug("systemd was told that the service is ready")
                } else if now >= nextExtension {
                    let waits = report.checks.filter { !$0.isOK }.map { "\($0.name) \($0.state)" }
                    socket.send("EXTEND_TIMEOUT_USEC=30000000\nSTATUS=starting: \(waits.joined(separator: ", "))")
                    nextExtension = now + .seconds(10)
                }
            }
            if let watchdog, now >= nextSign {
                // A process that makes no progress stays silent, and is restarted.
                if await live().isOK { socket.send("WATCHDOG=1") }
                nextSign = now + watchdog / 3
            }
            guard !isReady || watchdog != nil else { break }
            try await Task.sleep(for: isReady ? min(watchdog ?? .seconds(10), .seconds(30)) / 3 : poll)
        }
        // The end is told by the shutdown handler: nothing is left to do until then.
        try await Task.sleep(for: .seconds(1 << 40))
    }
}
