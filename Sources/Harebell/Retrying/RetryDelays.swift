extension [Duration] {
    /// The same delay, so many times.
    public static func fixed(_ delay: Duration, times: Int) -> [Duration] {
        Array(repeating: delay, count: Swift.max(0, times))
    }

    /// Delays that grow by the same step.
    ///
    /// - Parameters:
    ///   - first: the first delay.
    ///   - step: what each further one has more; the first delay unless given.
    ///   - times: how many there are.
    ///   - cap: the longest; a day unless given.
    public static func linear(
        from first: Duration, by step: Duration? = nil, times: Int, cap: Duration = RetryPolicy.longestDelay
    ) -> [Duration] {
        series(from: first, times: times, cap: cap) { $0 + (step ?? first) }
    }

    /// Delays that grow by the same factor.
    ///
    /// - Parameters:
    ///   - first: the first delay.
    ///   - factor: how much longer each further one is; what is no number above 1 counts as 1.
    ///   - times: how many there are.
    ///   - cap: the longest; a day unless given.
    public static func exponential(
        from first: Duration, factor: Double = 2, times: Int, cap: Duration = RetryPolicy.longestDelay
    ) -> [Duration] {
        // More than this reaches every cap at once, and would overflow.
        let factor = factor > 1 ? Swift.min(factor, 1_000_000) : 1
        return series(from: first, times: times, cap: cap) { $0 * factor }
    }

    /// Stops growing at the cap, so nothing overflows.
    private static func series(
        from first: Duration, times: Int, cap: Duration, next: (Duration) -> Duration
    ) -> [Duration] {
        let cap = Swift.min(Swift.max(cap, .zero), RetryPolicy.longestDelay)
        func bounded(_ delay: Duration) -> Duration { Swift.min(Swift.max(delay, .zero), cap) }
        var delay = bounded(first)
        return (0..<Swift.max(0, times)).map { _ in
            defer { delay = bounded(next(delay)) }
            return delay
        }
    }
}
