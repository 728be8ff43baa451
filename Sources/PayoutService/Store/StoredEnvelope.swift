import Harebell

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// An envelope's attributes as they are kept in the outbox; the body's bytes have a column of their own.
///
/// A format of its own, so that rows written by one version are published by the next.
struct StoredEnvelope: Codable {
    let id: String
    let type: String
    let source: String
    /// Milliseconds since 1970.
    let time: Int64
    let subject: String?
    let partitionKey: String?
    let sequence: String?
    let dataSchema: String?
    let contentType: String
    let correlationID: String
    let causationID: String?
    let traceparent: String?
    let tracestate: String?
    let baggage: String?
    let producer: String

    init(_ envelope: Envelope) {
        self.id = envelope.id.rawValue
        self.type = envelope.type.rawValue
        self.source = envelope.source
        self.time = envelope.time.milliseconds
        self.subject = envelope.subject
        self.partitionKey = envelope.partitionKey
        self.sequence = envelope.sequence
        self.dataSchema = envelope.dataSchema
        self.contentType = envelope.contentType
        self.correlationID = envelope.correlationID
        self.causationID = envelope.causationID
        self.traceparent = envelope.trace.traceparent
        self.tracestate = envelope.trace.tracestate
        self.baggage = envelope.trace.baggage
        self.producer = envelope.producer
    }

    func envelope(body: [UInt8]) -> Envelope {
        Envelope(
            id: EventID(id), type: EventType(unchecked: type), source: source, time: Date(milliseconds: time),
            subject: subject, partitionKey: partitionKey, sequence: sequence, dataSchema: dataSchema,
            contentType: contentType, correlationID: correlationID, causationID: causationID,
            trace: TraceContext(traceparent: traceparent, tracestate: tracestate, baggage: baggage),
            producer: producer, body: body)
    }
}
