#if canImport(FoundationEssentials)
    public import FoundationEssentials
#else
    public import Foundation
#endif

extension Envelope {
    /// Encodes an event and wraps it.
    /// - Parameters:
    ///   - event: what happened.
    ///   - producer: the service that publishes it.
    ///   - id: its identity; a new one unless given.
    ///   - time: when it happened; kept to the millisecond.
    ///   - correlationID: the business transaction; taken from `causedBy`, else the event's own id.
    ///   - causedBy: the event whose handling led to this one.
    ///   - trace: the trace headers to carry.
    /// - Throws: ``HarebellError`` with code `encodingFailed`.
    public init(
        _ event: some Event, producer: ServiceName, id: EventID = .make(), time: Date = Date(),
        correlationID: String? = nil, causedBy: Envelope? = nil, trace: TraceContext = TraceContext()
    ) throws {
        self.init(
            id: id, type: Swift.type(of: event).eventType, source: "/\(producer.rawValue)",
            time: time.wholeMilliseconds,
            subject: event.subject, partitionKey: event.partitionKey,
            correlationID: correlationID ?? causedBy?.correlationID ?? id.rawValue,
            causationID: causedBy?.id.rawValue, trace: trace, producer: producer.rawValue,
            body: try EventCodec.encode(event))
    }

    /// The event inside.
    /// - Throws: ``HarebellError`` with code `decodingFailed`; it names the field and its path, never a value.
    public func decode<E: Event>(_ type: E.Type) throws -> E {
        try EventCodec.decode(type, from: body)
    }
}

extension Date {
    /// The date rounded to the millisecond, which is what travels.
    var wholeMilliseconds: Date {
        Date(timeIntervalSince1970: (timeIntervalSince1970 * 1_000).rounded() / 1_000)
    }
}
