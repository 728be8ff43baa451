import Dispatch
import Synchronization

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// One thread that runs what is isolated to the actor that owns it.
///
/// Laying out text, writing and syncing a file take milliseconds and block: on the cooperative pool, which has one
/// thread per core, they would hold up every other task of the process. Pango also keeps its fonts per thread, so one
/// thread loads them once.
final class RenderingThread: SerialExecutor {
    private struct State {
        var jobs: [UnownedJob] = []
        var isStopped = false
    }

    private let state = Mutex(State())
    /// Counts the jobs that wait, plus one for the stop.
    ///
    /// Only this thread waits on it.
    private let bell = DispatchSemaphore(value: 0)

    /// Starts the thread.
    ///
    /// It lives until ``stop()``.
    init() {
        var attributes = pthread_attr_t()
        pthread_attr_init(&attributes)
        pthread_attr_setdetachstate(&attributes, Int32(PTHREAD_CREATE_DETACHED))
        // Shaping recurses; a secondary thread on macOS would get 512 KiB.
        pthread_attr_setstacksize(&attributes, 4 << 20)
        defer { pthread_attr_destroy(&attributes) }

        #if canImport(Darwin)
            var thread: pthread_t?
        #else
            var thread = pthread_t()
        #endif
        // The thread owns a reference to this executor until it ends.
        let context = Unmanaged.passRetained(self).toOpaque()
        let code = pthread_create(&thread, &attributes, threadMain, context)
        precondition(code == 0, "no thread for rendering: error \(code)")
    }

    /// Runs a job of the actor on this thread.
    func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        state.withLock { $0.jobs.append(job) }
        bell.signal()
    }

    /// Lets the thread end when the jobs it has are done.
    func stop() {
        state.withLock { $0.isStopped = true }
        bell.signal()
    }

    fileprivate func runJobs() {
        while true {
            bell.wait()
            let (jobs, isStopped) = state.withLock { state in
                defer { state.jobs = [] }
                return (state.jobs, state.isStopped)
            }
            for job in jobs {
                job.runSynchronously(on: asUnownedSerialExecutor())
            }
            if isStopped, jobs.isEmpty { return }
        }
    }
}

#if canImport(Darwin)
    private func threadMain(_ context: UnsafeMutableRawPointer) -> UnsafeMutableRawPointer? {
        pthread_setname_np("pdf-rendering")
        Unmanaged<RenderingThread>.fromOpaque(context).takeRetainedValue().runJobs()
        return nil
    }
#else
    private func threadMain(_ context: UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? {
        if let context {
            Unmanaged<RenderingThread>.fromOpaque(context).takeRetainedValue().runJobs()
        }
        return nil
    }
#endif
