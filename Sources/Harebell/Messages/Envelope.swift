#if canImport(FoundationEssentials)
    public import FoundationEssentials
#else
    public import Foundation
#endif

/// An event as it travels: CloudEvents attributes, correlation, trace and the body's bytes.
///
/// The body is encoded once, by the producer; retries, dead letters and replays carry the same bytes.
public struct Envelope: Sendable, Hashable {
    /// The event's identity, the same on every copy.
    public var id: EventID
    /// What happened.
    public var type: EventType
    /// Who says so, as a URI reference: `/payout`.
    public var source: String
    /// When it happened, to the millisecond.
    public var time: Date
    /// What it is about.
    public var subject: String?
    /// Events with the same key are handled one after another.
    public var partitionKey: String?
    /// The event's place among those of its key, if the producer numbers them.
    public var sequence: String?
    /// Where the body's schema is described.
    public var dataSchema: String?
    /// The body's media type.
    public var contentType: String
    /// The same on every event of one business transaction.
    public var correlationID: String
    /// The id of the event whose handling led to this one.
    public var causationID: String?
    /// The trace that this event is part of.
    public var trace: TraceContext
    /// The service that published it.
    public var producer: String
    /// The encoded event.
    public var body: [UInt8]

    /// An envelope from its parts: for transports.
    public init(
        id: EventID, type: EventType, source: String, time: Date, subject: String? = nil, partitionKey: String? = nil,
        sequence: String? = nil, dataSchema: String? = nil, contentType: String = "application/json",
        correlationID: String, causationID: String? = nil, trace: TraceContext = TraceContext(), producer: String,
        body: [UInt8]
    ) {
        self.id = id
        self.type = type
        self.source = source
        self.time = time
        self.subject = subject
        self.partitionKey = partitionKey
        self.sequence = sequence
        self.dataSchema = dataSchema
        self.contentType = contentType
        self.correlationID = correlationID
        self.causationID = causationID
        self.trace = trace
        self.producer = producer
        self.body = body
    }
}
