/// How long to wait before a process that exited is started again.
public struct RestartBackoff: Sendable, Hashable {
    /// The first wait; each following one is twice as long.
    public var first: Duration
    /// The longest wait.
    public var longest: Duration
    /// A process that ran this long was healthy: the next wait is the first one again.
    public var healthyAfter: Duration
    private var failures = 0

    /// 1 s, 2 s, 4 s … 30 s, and 1 s again after 30 s of health.
    public init(
        first: Duration = .seconds(1), longest: Duration = .seconds(30), healthyAfter: Duration = .seconds(30)
    ) {
        self.first = first
        self.longest = longest
        self.healthyAfter = healthyAfter
    }

    /// The wait after a process that ran for `duration` has exited.
    public mutating func wait(afterRunning duration: Duration) -> Duration {
        if duration >= healthyAfter { failures = 0 }
        defer { failures += 1 }
        var wait = first
        for _ in 0..<failures where wait < longest { wait *= 2 }
        return min(wait, longest)
    }
}
