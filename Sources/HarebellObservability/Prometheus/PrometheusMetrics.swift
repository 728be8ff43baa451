public import Metrics
import Synchronization

/// A backend of swift-metrics that keeps everything in memory, for Prometheus to fetch as text.
///
/// ```swift
/// let metrics = PrometheusMetrics()
/// MetricsSystem.bootstrap(metrics)
/// Counter(label: "loans.paid", dimensions: [("currency", "SEK")]).increment()
/// print(metrics.text())  // loans_paid_total{currency="SEK"} 1
/// ```
/// | swift-metrics | Prometheus |
/// |---|---|
/// | `Counter`, `FloatingPointCounter` | counter `name_total` |
/// | `Gauge`, `Meter`, `Recorder(aggregate: false)` | gauge `name` |
/// | `Timer` | histogram `name_seconds` |
/// | `Recorder(aggregate: true)` | histogram `name` |
///
/// The same label and dimensions give the same series, whoever asks. Recording takes no lock. The number of series is
/// bounded: what would be one more is dropped and counted by `harebell_metrics_dropped_series_total`, as is a name that
/// is in use for another type.
public final class PrometheusMetrics: MetricsFactory, Sendable {
    private struct Family {
        let kind: SeriesKind
        let label: String
        var series: [LabelSet: any Series] = [:]
    }

    private struct State {
        var families: [String: Family] = [:]
        var count = 0
    }

    private let state = Mutex(State())
    private let maximumSeries: Int
    private let buckets: [String: HistogramBuckets]
    private let descriptions: [String: String]
    private let dropped = CounterSeries()

    /// A backend without series.
    /// - Parameters:
    ///   - maximumSeries: how many series are kept.
    ///   - buckets: the buckets of histograms by the metric's label; others get ``HistogramBuckets/durations``.
    ///   - descriptions: what `# HELP` says, by the metric's label.
    public init(
        maximumSeries: Int = 2_000, buckets: [String: HistogramBuckets] = [:], descriptions: [String: String] = [:]
    ) {
        self.maximumSeries = maximumSeries
        self.buckets = buckets
        self.descriptions = descriptions
    }

    /// How many series were not made, for there was no room.
    public var droppedSeries: Int { Int(dropped.value) }

    // MARK: MetricsFactory

    /// The counter with this label and these dimensions.
    public func makeCounter(label: String, dimensions: [(String, String)]) -> any CounterHandler {
        series(label, dimensions) { CounterSeries() } ?? DroppedSeries.shared
    }

    /// The counter with this label and these dimensions.
    public func makeFloatingPointCounter(
        label: String, dimensions: [(String, String)]
    ) -> any FloatingPointCounterHandler {
        series(label, dimensions) { FloatingPointCounterSeries() } ?? DroppedSeries.shared
    }

    /// The gauge with this label and these dimensions.
    public func makeMeter(label: String, dimensions: [(String, String)]) -> any MeterHandler {
        series(label, dimensions) { GaugeSeries() } ?? DroppedSeries.shared
    }

    /// The gauge, or the histogram if values are to be aggregated, with this label and these dimensions.
    public func makeRecorder(label: String, dimensions: [(String, String)], aggregate: Bool) -> any RecorderHandler {
        guard aggregate else { return series(label, dimensions) { GaugeSeries() } ?? DroppedSeries.shared }
        return series(label, dimensions) { HistogramSeries(self.buckets[label] ?? .durations) }
            ?? DroppedSeries.shared
    }

    /// The histogram in seconds with this label and these dimensions.
    public func makeTimer(label: String, dimensions: [(String, String)]) -> any TimerHandler {
        series(label, dimensions, suffix: "_seconds") { HistogramSeries(self.buckets[label] ?? .durations) }
            ?? DroppedSeries.shared
    }

    /// Forgets a series.
    public func destroyCounter(_ handler: any CounterHandler) { forget(handler) }
    /// Forgets a series.
    public func destroyFloatingPointCounter(_ handler: any FloatingPointCounterHandler) { forget(handler) }
    /// Forgets a series.
    public func destroyMeter(_ handler: any MeterHandler) { forget(handler) }
    /// Forgets a series.
    public func destroyRecorder(_ handler: any RecorderHandler) { forget(handler) }
    /// Forgets a series.
    public func destroyTimer(_ handler: any TimerHandler) { forget(handler) }

    private func series<S: Series>(
        _ label: String, _ dimensions: [(String, String)], suffix: String = "", _ make: () -> S
    ) -> S? {
        let name = Self.name(label, suffix: suffix)
        let labels = LabelSet(dimensions)
        return state.withLock { state in
            var family = state.families[name] ?? Family(kind: S.kind, label: label)
            if let known = family.series[labels] as? S { return known }
            guard family.kind == S.kind, family.series[labels] == nil, state.count < maximumSeries else {
                dropped.increment(by: 1)
                return nil
            }
            let series = make()
            family.series[labels] = series
            state.families[name] = family
            state.count += 1
            return series
        }
    }

    /// The name of the family; `_total` is the counter's own to add, and `_seconds` is not written twice.
    private static func name(_ label: String, suffix: String) -> String {
        let name = PrometheusName.metric(label)
        let base = name.hasSuffix("_total") ? String(name.dropLast("_total".count)) : name
        return base.hasSuffix(suffix) ? base : base + suffix
    }

    private func forget(_ handler: AnyObject) {
        state.withLock { state in
            for (name, family) in state.families {
                guard let labels = family.series.first(where: { $0.value === handler })?.key else { continue }
                state.families[name]?.series[labels] = nil
                state.count -= 1
                if state.families[name]?.series.isEmpty == true { state.families[name] = nil }
            }
        }
    }

    // MARK: Text

    /// The formats that Prometheus reads.
    public enum Format: Sendable {
        /// Text format 0.0.4.
        case text
        /// OpenMetrics 1.0.0.
        case openMetrics

        /// The value of `Content-Type`.
        public var contentType: String {
            switch self {
            case .text: "text/plain; version=0.0.4; charset=utf-8"
            case .openMetrics: "application/openmetrics-text; version=1.0.0; charset=utf-8"
            }
        }
    }

    /// All series as text, in order of name and labels.
    public func text(_ format: Format = .text) -> String {
        var families = state.withLock { $0.families }
        families["harebell_metrics_dropped_series"] = Family(
            kind: .counter, label: "harebell.metrics.dropped_series", series: [LabelSet([]): dropped])
        var text = ""
        text.reserveCapacity(16 << 10)
        for (name, family) in families.sorted(by: { $0.key < $1.key }) {
            // Only 0.0.4 calls a counter by the name of its sample.
            let announced = family.kind == .counter && format == .text ? "\(name)_total" : name
            if let help = descriptions[family.label] {
                text += "# HELP \(announced) \(help.replacing("\\", with: "\\\\").replacing("\n", with: "\\n"))\n"
            }
            text += "# TYPE \(announced) \(family.kind.rawValue)\n"
            for (labels, series) in family.series.sorted(by: { $0.key.text < $1.key.text }) {
                series.render(name, labels, to: &text)
            }
        }
        if format == .openMetrics { text += "# EOF\n" }
        return text
    }
}
