extension Worker: ObservableService {
    /// Ready while it takes messages; stuck when a handler has ignored its cancellation for ``stuckAfter``.
    public func health() -> ServiceHealth {
        let state = state
        let overdue = longestOverdue
        let isStuck = overdue.map { $0 >= Self.stuckAfter } ?? false
        return ServiceHealth(
            name: "worker \(service)", state: state.rawValue, isStarted: state != .starting,
            isReady: state == .running,
            stuck: isStuck
                ? "a handler has ignored its cancellation for \(overdue?.components.seconds ?? 0) s" : nil)
    }

    /// How long a handler may ignore its cancellation before the process counts as stuck.
    public static var stuckAfter: Duration { .seconds(300) }
}
