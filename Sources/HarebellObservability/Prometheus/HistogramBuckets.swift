/// The upper bounds of a histogram's buckets.
///
/// Timers are recorded in nanoseconds and shown in seconds, so bounds are seconds; the last bucket, `+Inf`, is implied.
public struct HistogramBuckets: Sendable, Hashable {
    /// The bounds, rising.
    public let bounds: [Double]

    /// Buckets with these bounds; they are sorted, repeated and infinite ones are left out.
    public init(_ bounds: [Double]) {
        self.bounds = Set(bounds.filter(\.isFinite)).sorted()
    }

    /// What OpenTelemetry advises for durations of messaging, with 1 ms below it and a minute and ten above: a handler
    /// may take that long.
    public static let durations = HistogramBuckets([
        0.001, 0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10, 60, 600,
    ])

    /// For times that hold retries: 5 ms to a day.
    public static let longTimes = HistogramBuckets([
        0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 900, 3_600, 14_400, 86_400,
    ])
}
