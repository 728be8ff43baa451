import ArgumentParser
import Logging
public import ServiceLifecycle
import UnixSignals

#if canImport(Darwin)
    import Darwin
#elseif canImport(Musl)
    import Musl
#else
    import Glibc
#endif

extension Host {
    /// Runs services until SIGTERM or SIGINT, then shuts them down gracefully, the last one first.
    ///
    /// The transport is started before all of them and stopped after them.
    public func run(_ services: any Service...) async throws {
        try await run(services)
    }

    /// Runs services until SIGTERM or SIGINT, then shuts them down gracefully, the last one first.
    ///
    /// The transport is started before all of them and stopped after them.
    public func run(_ services: [any Service]) async throws {
        let signals = await UnixSignalsSequence(trapping: .sigterm, .sigint)
        let patience = settings.gracePeriod * max(1, services.count) + .seconds(5)
        var configuration = ServiceGroupConfiguration(
            services: observers(of: [transport] + services) + [transport] + services, logger: logger)
        configuration.maximumGracefulShutdownDuration = patience
        let group = ServiceGroup(configuration: configuration)
        logger.info("started", metadata: ["version": "\(HarebellVersion.current)"])
        try await withThrowingTaskGroup(of: Void.self) { tasks in
            defer { tasks.cancelAll() }
            tasks.addTask { await obey(signals, stopping: group, within: patience + .seconds(5)) }
            try await group.run()
        }
        logger.info("stopped")
    }

    /// The first signal asks, the second one and a shutdown that never ends force.
    private func obey(
        _ signals: UnixSignalsSequence, stopping group: ServiceGroup, within limit: Duration
    ) async {
        await withTaskGroup(of: Void.self) { tasks in
            var isStopping = false
            for await signal in signals {
                guard !isStopping else {
                    logger.warning("second signal: exiting at once", metadata: ["signal": "\(signal)"])
                    _exit(ExitStatus.interrupted.rawValue)
                }
                isStopping = true
                logger.info(
                    "stopping", metadata: ["signal": "\(signal)", "grace_period": "\(settings.gracePeriod.text)"])
                await group.triggerGracefulShutdown()
                tasks.addTask {
                    guard (try? await Task.sleep(for: limit)) != nil else { return }
                    logger.critical("a service did not stop: exiting", metadata: ["after": "\(limit.text)"])
                    _exit(ExitStatus.failed.rawValue)
                }
            }
            tasks.cancelAll()
        }
    }
}
