/// Keeps programs running: starts them, forwards what they write, restarts those that exit, and stops them all.
///
/// The programs cannot outlive this process, however it ends.
public final class ServiceSupervisor: Sendable {
    private let processes: [ServiceProcess]
    private let broadcast = Broadcast<ServiceEvent>()

    /// Describes what to run; `run()` runs it.
    ///
    /// - Parameters:
    ///   - services: the programs, each with a name of its own.
    ///   - backoff: how long to wait before a program that exited is started again.
    ///   - grace: how long a program has from SIGTERM to SIGKILL.
    public init(
        _ services: [ServiceDescription], backoff: RestartBackoff = RestartBackoff(), grace: Duration = .seconds(10)
    ) {
        precondition(Set(services.map(\.name)).count == services.count, "each service needs a name of its own")
        processes = services.map { [broadcast] in
            ServiceProcess($0, backoff: backoff, grace: grace) { broadcast.send($0) }
        }
    }

    /// The names of the services, in the order given.
    public var services: [String] { processes.map(\.description.name) }

    /// What happens from now on; ends when `run()` has returned.
    ///
    /// Ask for it before that.
    public func events() -> AsyncStream<ServiceEvent> { broadcast.stream() }

    /// Runs all services until the task is cancelled, and returns when all are gone.
    public func run() async {
        await withDiscardingTaskGroup { group in
            for process in processes { group.addTask { await process.run() } }
        }
        broadcast.finish()
    }

    /// The process id of a service that runs.
    public func processID(of service: String) -> Int32? { process(service)?.processID }

    /// Sends a signal, such as SIGKILL or SIGSTOP; false when the service does not run.
    @discardableResult
    public func signal(_ signal: Int32, to service: String) -> Bool { process(service)?.signal(signal) ?? false }

    /// Stops a service until it is started again, and returns when it is gone.
    public func stop(_ service: String) async { await process(service)?.stop() }

    /// Starts a service that was stopped.
    public func start(_ service: String) { process(service)?.start() }

    private func process(_ service: String) -> ServiceProcess? {
        processes.first { $0.description.name == service }
    }
}
