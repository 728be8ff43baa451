import Metrics
import Synchronization

/// The ended spans that wait for their export: a bounded number; what does not fit is dropped and counted, for tracing
/// never holds up the work that it looks at.
public final class SpanQueue: Sendable {
    private let spans = Mutex<[FinishedSpan]>([])
    private let limit: Int
    private let batch: Int
    /// Told when a batch is full; the exporter listens.
    let wakeUps: AsyncStream<Void>
    private let wakeUp: AsyncStream<Void>.Continuation
    private let dropped: Counter

    /// An empty queue.
    /// - Parameters:
    ///   - limit: how many spans wait at most.
    ///   - batch: how many are exported at a time.
    public init(limit: Int = 2_048, batch: Int = 512) {
        self.limit = limit
        self.batch = batch
        (wakeUps, wakeUp) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1))
        dropped = Counter(label: TracingMetric.dropped, dimensions: [("reason", "queue_full")])
    }

    func add(_ span: FinishedSpan) {
        let count = spans.withLock { spans in
            guard spans.count < limit else { return -1 }
            spans.append(span)
            return spans.count
        }
        if count < 0 { dropped.increment() }
        if count >= batch { wake() }
    }

    func take() -> [FinishedSpan] {
        spans.withLock { spans in
            let taken = Array(spans.prefix(batch))
            spans.removeFirst(taken.count)
            return taken
        }
    }

    var count: Int { spans.withLock(\.count) }

    func wake() { wakeUp.yield() }
}

/// The names of the exporter's metrics.
public enum TracingMetric {
    static let dropped = "harebell.traces.spans.dropped"
    static let exported = "harebell.traces.spans.exported"

    /// One sentence per metric, by its label.
    public static let descriptions = [
        dropped: "Spans that were not exported, by reason: queue_full, refused or unreachable.",
        exported: "Spans that the collector has taken.",
    ]
}
