import Synchronization

/// One program that is kept running: started, restarted when it exits, stopped when asked.
///
/// ```
/// wanted: starting ──► running ── exits ──► waiting (backoff) ──► starting
///            ▲            │ stop()             │ stop()
///            └─ start() ─ down ◄───────────────┘
/// ```
final class ServiceProcess: Sendable {
    private struct State {
        var isWanted = true
        var process: ChildProcess?
        /// Set when `isWanted` changes, to end a wait.
        var change = OneShot<Void>()
    }

    let description: ServiceDescription
    private let grace: Duration
    private let backoff: RestartBackoff
    private let report: @Sendable (ServiceEvent) -> Void
    private let state = Mutex(State())

    init(
        _ description: ServiceDescription, backoff: RestartBackoff, grace: Duration,
        report: @escaping @Sendable (ServiceEvent) -> Void
    ) {
        self.description = description
        self.backoff = backoff
        self.grace = grace
        self.report = report
    }

    var processID: Int32? { state.withLock { $0.process?.pid } }

    /// Sends a signal to the running process; false when there is none.
    func signal(_ signal: Int32) -> Bool {
        state.withLock { $0.process }?.signal(signal) ?? false
    }

    /// Starts it, if it was stopped.
    func start() { want(true) }

    /// Stops it until `start()`, and returns when it is gone.
    func stop() async {
        want(false)
        await state.withLock { $0.process }?.terminate(grace: grace)
    }

    /// Keeps it running until the task is cancelled, and returns when it is gone.
    func run() async {
        var backoff = backoff
        let name = description.name
        while !Task.isCancelled {
            let (isWanted, change) = state.withLock { ($0.isWanted, $0.change) }
            guard isWanted else {
                _ = await change.value()
                continue
            }
            let wait: Duration
            let began = ContinuousClock.now
            do {
                guard let status = try await runOnce() else { return }
                guard state.withLock({ $0.isWanted }) else {
                    report(.stopped(service: name, status))
                    continue
                }
                wait = backoff.wait(afterRunning: .now - began)
                report(.exited(service: name, status, restartIn: wait))
            } catch {
                guard !Task.isCancelled else { return }
                wait = backoff.wait(afterRunning: .zero)
                report(.startFailed(service: name, reason: "\(error)", restartIn: wait))
            }
            _ = await state.withLock { $0.change }.value(within: wait)
        }
    }

    /// Runs the program to its end; nil when the task was cancelled and the program therefore stopped.
    private func runOnce() async throws -> ExitStatus? {
        let name = description.name
        let output = try await ProcessOutput { [report] line in report(.line(service: name, text: line)) }
        let result = Result { () throws(DevelopmentError) in
            try ChildProcess.start(
                absolutePath(description.executable), arguments: description.arguments,
                environment: description.environment, directory: absolutePath(description.directory ?? "."),
                output: .descriptor(output.writing))
        }
        output.handedOver()
        let process = try result.get()
        let isWanted = state.withLock { state in
            state.process = process
            return state.isWanted
        }
        report(.started(service: name, processID: process.pid))
        // A stop that came between deciding to start and having something to stop.
        if !isWanted { await process.terminate(grace: grace) }
        let status = await process.waitForExit()
        if status == nil {
            let status = await process.terminate(grace: grace)
            await output.drain()
            report(.stopped(service: name, status))
        } else {
            await output.drain()
        }
        state.withLock { $0.process = nil }
        return status
    }

    private func want(_ isWanted: Bool) {
        let change = state.withLock { state -> OneShot<Void>? in
            guard state.isWanted != isWanted else { return nil }
            state.isWanted = isWanted
            defer { state.change = OneShot() }
            return state.change
        }
        change?.set(())
    }
}
