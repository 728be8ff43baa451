/// What happened to a supervised process.
public enum ServiceEvent: Sendable, Hashable {
    /// It runs.
    case started(service: String, processID: Int32)
    /// It wrote a line.
    case line(service: String, text: String)
    /// It ended of itself, or was killed, and is started again after a wait.
    case exited(service: String, ExitStatus, restartIn: Duration)
    /// It could not even be started; it is tried again after a wait.
    case startFailed(service: String, reason: String, restartIn: Duration)
    /// It was stopped as asked and stays down.
    case stopped(service: String, ExitStatus?)
}
