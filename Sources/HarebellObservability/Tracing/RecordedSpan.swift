import Synchronization
public import Tracing

/// A span of ``HarebellTracer``.
///
/// One that is not sampled records nothing and only carries its context on.
public final class RecordedSpan: Span {
    /// What work inside the span is done in.
    public let context: ServiceContext
    private let isSampled: Bool
    /// Empty when the span is not sampled, and once it has ended.
    private let state: Mutex<FinishedSpan?>
    private let finish: @Sendable (FinishedSpan) -> Void

    init(context: ServiceContext, record: FinishedSpan?, finish: @escaping @Sendable (FinishedSpan) -> Void) {
        self.context = context
        isSampled = record != nil
        state = Mutex(record)
        self.finish = finish
    }

    /// Whether what is set here is kept.
    public var isRecording: Bool { isSampled && state.withLock { $0 != nil } }

    /// The span's name.
    public var operationName: String {
        get { state.withLock { $0?.name } ?? "" }
        set { change { $0.name = newValue } }
    }

    /// The span's attributes.
    public var attributes: SpanAttributes {
        get { state.withLock { $0?.attributes } ?? [:] }
        set { change { $0.attributes = newValue } }
    }

    /// Sets how it ended; what is set last counts.
    public func setStatus(_ status: SpanStatus) {
        change { $0.status = status }
    }

    /// Adds an event, up to the limit.
    public func addEvent(_ event: SpanEvent) {
        change { record in
            if record.events.count < FinishedSpan.maximumEvents {
                record.events.append(event)
            } else {
                record.droppedEvents += 1
            }
        }
    }

    /// Adds an event `exception` with the error's type and description, which are never payloads.
    public func recordError<Instant: TracerInstant>(
        _ error: any Error, attributes: SpanAttributes, at instant: @autoclosure () -> Instant
    ) {
        guard isRecording else { return }
        let type = String(reflecting: Swift.type(of: error))
        var all: SpanAttributes = [:]
        all["exception.type"] = type
        all["exception.message"] = String(describing: error).capped(at: 1_024)
        all.merge(attributes)
        addEvent(SpanEvent(name: "exception", at: instant(), attributes: all))
        change { $0.attributes["error.type"] = type }
    }

    /// Adds a link, up to the limit.
    public func addLink(_ link: SpanLink) {
        change { record in
            if record.links.count < FinishedSpan.maximumLinks {
                record.links.append(link)
            } else {
                record.droppedLinks += 1
            }
        }
    }

    /// Ends the span and hands it over for export; a second end does nothing.
    public func end<Instant: TracerInstant>(at instant: @autoclosure () -> Instant) {
        guard isSampled else { return }
        let time = instant().nanosecondsSinceEpoch
        let record = state.withLock { record in
            defer { record = nil }
            return record
        }
        guard var record else { return }
        record.end = max(time, record.start)
        finish(record)
    }

    private func change(_ body: (inout FinishedSpan) -> Void) {
        guard isSampled else { return }
        state.withLock { record in
            guard var changed = record else { return }
            record = nil  // So that what is changed has one owner and is not copied.
            body(&changed)
            record = changed
        }
    }
}
