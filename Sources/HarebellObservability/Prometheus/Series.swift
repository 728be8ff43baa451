import Metrics

/// One series: a metric's name with one set of labels, and its value.
protocol Series: AnyObject, Sendable {
    /// The metric's type, as the text format writes it.
    static var kind: SeriesKind { get }
    /// Appends the series' samples.
    func render(_ name: String, _ labels: LabelSet, to text: inout String)
}

/// The types of the text format that we use.
enum SeriesKind: String, Sendable {
    case counter, gauge, histogram
}

/// A number that only grows.
final class CounterSeries: Series, CounterHandler {
    static let kind = SeriesKind.counter
    private let cell = Cell()

    var value: Int64 { cell.value }

    func increment(by amount: Int64) { cell.add(max(0, amount)) }
    func reset() { cell.set(0) }

    func render(_ name: String, _ labels: LabelSet, to text: inout String) {
        text += "\(name)_total\(labels.text) \(cell.value)\n"
    }
}

/// A number that only grows, with parts of one: seconds.
final class FloatingPointCounterSeries: Series, FloatingPointCounterHandler {
    static let kind = SeriesKind.counter
    private let cell = FloatingPointCell()

    func increment(by amount: Double) {
        if amount > 0, amount.isFinite { cell.add(amount) }
    }
    func reset() { cell.set(0) }

    func render(_ name: String, _ labels: LabelSet, to text: inout String) {
        text += "\(name)_total\(labels.text) \(cell.value.sampleText)\n"
    }
}

/// A number that rises and falls.
final class GaugeSeries: Series, RecorderHandler, MeterHandler {
    static let kind = SeriesKind.gauge
    private let cell = FloatingPointCell()

    func record(_ value: Int64) { cell.set(Double(value)) }
    func record(_ value: Double) { cell.set(value) }
    func set(_ value: Int64) { cell.set(Double(value)) }
    func set(_ value: Double) { cell.set(value) }
    func increment(by amount: Double) { cell.add(amount) }
    func decrement(by amount: Double) { cell.add(-amount) }

    func render(_ name: String, _ labels: LabelSet, to text: inout String) {
        text += "\(name)\(labels.text) \(cell.value.sampleText)\n"
    }
}

/// How many values fell into which bucket, and their sum.
///
/// The number of values is read as the sum of the buckets, so that a scrape in the middle of a recording never shows a
/// bucket that holds more than there are.
final class HistogramSeries: Series, TimerHandler, RecorderHandler {
    static let kind = SeriesKind.histogram
    private let bounds: [Double]
    private let cells: [Cell]
    private let sum = FloatingPointCell()

    init(_ buckets: HistogramBuckets) {
        bounds = buckets.bounds
        cells = (0...buckets.bounds.count).map { _ in Cell() }
    }

    func recordNanoseconds(_ duration: Int64) { record(Double(max(0, duration)) / 1e9) }
    func record(_ value: Int64) { record(Double(value)) }

    func record(_ value: Double) {
        guard value.isFinite else { return }
        // A bound is the largest value of its bucket. Most values are small, and so few bounds are looked at in a row.
        var index = 0
        while index < bounds.count, value > bounds[index] { index += 1 }
        cells[index].add(1)
        sum.add(value)
    }

    func render(_ name: String, _ labels: LabelSet, to text: inout String) {
        var count: Int64 = 0
        for (index, cell) in cells.enumerated() {
            count += cell.value
            let bound = index < bounds.count ? bounds[index].sampleText : "+Inf"
            text += "\(name)_bucket\(labels.text(adding: "le", bound)) \(count)\n"
        }
        text += "\(name)_sum\(labels.text) \(sum.value.sampleText)\n"
        text += "\(name)_count\(labels.text) \(count)\n"
    }
}

/// Takes what there is no room for.
final class DroppedSeries: CounterHandler, FloatingPointCounterHandler, RecorderHandler, MeterHandler, TimerHandler {
    static let shared = DroppedSeries()
    func increment(by amount: Int64) {}
    func increment(by amount: Double) {}
    func decrement(by amount: Double) {}
    func record(_ value: Int64) {}
    func record(_ value: Double) {}
    func set(_ value: Int64) {}
    func set(_ value: Double) {}
    func recordNanoseconds(_ duration: Int64) {}
    func reset() {}
}

extension Double {
    /// The number as the text format writes it: `3` and not `3.0`, `+Inf`, `NaN`.
    var sampleText: String {
        if isNaN { return "NaN" }
        if isInfinite { return self < 0 ? "-Inf" : "+Inf" }
        guard let whole = Int64(exactly: self), abs(whole) < 1 << 53 else { return "\(self)" }
        return "\(whole)"
    }
}
