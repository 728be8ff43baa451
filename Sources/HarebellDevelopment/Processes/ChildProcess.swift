import CSpawn
import Synchronization

#if canImport(Darwin)
    import Darwin
#else
    import Glibc
#endif

/// A child process that cannot outlive us.
///
/// It runs in a session of its own, so Ctrl-C in the terminal reaches us and not it. It is spawned as a shell that
/// waits for our word, is put on the lifeline, and only then becomes the program: there is no moment at which our
/// death leaves it behind. A thread of its own awaits its exit, so nothing blocks the cooperative pool.
final class ChildProcess: Sendable {
    /// Where standard output and standard error go.
    enum Output: Sendable {
        case nowhere
        /// Appended to a file of mode 0600.
        case file(String)
        /// To a descriptor of ours, which the caller closes.
        case descriptor(Int32)
    }

    let pid: Int32
    private let lifeline: Lifeline
    /// True once the process has exited: from then on its id may belong to somebody else.
    private let isGone = Mutex(false)
    private let exit = OneShot<ExitStatus>()

    /// How the process ended; nil while it runs.
    var status: ExitStatus? { exit.current }

    private init(pid: Int32, lifeline: Lifeline) {
        self.pid = pid
        self.lifeline = lifeline
    }

    /// Starts a program by its path.
    ///
    /// `environment` is complete: nothing is inherited.
    static func start(
        _ path: String, arguments: [String] = [], environment: [String: String], directory: String,
        output: Output = .nowhere
    ) throws(DevelopmentError) -> ChildProcess {
        guard cspawn_is_executable(path) != 0 else {
            throw DevelopmentError(.startFailed, "\(path) is not an executable file")
        }
        let lifeline = try Lifeline.shared.get()
        let gate = try Pipe()
        defer { gate.closeBoth() }
        let sink: Int32
        switch output {
        case .nowhere: sink = open("/dev/null", O_RDWR | O_CLOEXEC)
        case .file(let file): sink = open(file, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o600)
        case .descriptor(let descriptor): sink = descriptor
        }
        guard sink >= 0 else {
            throw DevelopmentError(.startFailed, "cannot write the output of \(path): errno \(errno)")
        }
        defer { if case .descriptor = output {} else { close(sink) } }
        let opener = "read -r go || exit 0; cd \"$0\" && exec \"$@\" </dev/null"
        let pid = try spawnRaw(
            "/bin/sh", arguments: ["sh", "-c", opener, directory, path] + arguments, environment: environment,
            input: gate.reading, output: sink, error: sink)
        let process = ChildProcess(pid: pid, lifeline: lifeline)
        lifeline.protect(pid)
        // The thread holds the process until its exit was seen.
        let context = unsafe Unmanaged.passRetained(process)
        let failure = unsafe cspawn_on_exit(
            pid,
            { context in
                guard let context = unsafe context else { return }
                unsafe Unmanaged<ChildProcess>.fromOpaque(context).takeRetainedValue().reap()
            }, context.toOpaque())
        guard failure == 0 else {
            unsafe context.release()
            kill(pid, SIGKILL)
            process.reap()
            throw DevelopmentError(.startFailed, "no thread to watch \(path): errno \(failure)")
        }
        gate.send("\n")
        return process
    }

    /// Sends a signal; false when the process is gone.
    @discardableResult
    func signal(_ signal: Int32) -> Bool {
        isGone.withLock { !$0 && kill(pid, signal) == 0 }
    }

    /// Sends a signal to the process and everything it started that stayed in its group.
    @discardableResult
    func signalGroup(_ signal: Int32) -> Bool {
        isGone.withLock { !$0 && kill(-pid, signal) == 0 }
    }

    /// Awaits the exit; nil when the task was cancelled or the limit passed first.
    func waitForExit(within limit: Duration? = nil) async -> ExitStatus? {
        if let limit { await exit.value(within: limit) } else { await exit.value() }
    }

    /// Asks it to end, and ends it when it does not within `grace`.
    ///
    /// It does so to the end even in a task that was cancelled: that is when it is needed most.
    @discardableResult
    func terminate(grace: Duration) async -> ExitStatus? {
        await Task { () -> ExitStatus? in
            if grace > .zero, signal(SIGTERM), let status = await waitForExit(within: grace) { return status }
            signalGroup(SIGKILL)
            signal(SIGKILL)
            // A killed process is gone in moments; the limit is for one stuck in the kernel.
            return await waitForExit(within: .seconds(10))
        }.value
    }

    private func reap() {
        // What is left of its group must not stay: a program that exits takes its helpers with it.
        isGone.withLock { isGone in
            kill(-pid, SIGKILL)
            isGone = true
        }
        lifeline.forget(pid)
        exit.set(ExitStatus(reaped: cspawn_reap(pid)))
    }
}
