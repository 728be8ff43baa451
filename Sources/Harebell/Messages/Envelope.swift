#if canImport(FoundationEssentials)
    public import FoundationEssentials
#else
    public import Foundation
#endif

/// An event as it travels: CloudEvents attributes, correlation, trace and the body's bytes.
///
/// The body is encoded once, by the producer; retries, dead letters and replays carry the same bytes. A copy of an envelope
/// shares its parts with the original until one of them is changed: it passes through many hands for each message.
public struct Envelope: Sendable, Hashable {
    private struct Parts: Hashable {
        var id: EventID
        var type: EventType
        var source: String
        var time: Date
        var subject: String?
        var partitionKey: String?
        var sequence: String?
        var dataSchema: String?
        var contentType: String
        var correlationID: String
        var causationID: String?
        var trace: TraceContext
        var producer: String
        var body: [UInt8]
    }

    private final class Storage: Sendable {
        let parts: Parts

        init(_ parts: Parts) {
            self.parts = parts
        }
    }

    private var storage: Storage

    private mutating func change(_ body: (inout Parts) -> Void) {
        var parts = storage.parts
        body(&parts)
        storage = Storage(parts)
    }

    /// The event's identity, the same on every copy.
    public var id: EventID {
        get { storage.parts.id }
        set { change { $0.id = newValue } }
    }
    /// What happened.
    public var type: EventType {
        get { storage.parts.type }
        set { change { $0.type = newValue } }
    }
    /// Who says so, as a URI reference: `/payout`.
    public var source: String {
        get { storage.parts.source }
        set { change { $0.source = newValue } }
    }
    /// When it happened, to the millisecond.
    public var time: Date {
        get { storage.parts.time }
        set { change { $0.time = newValue } }
    }
    /// What it is about.
    public var subject: String? {
        get { storage.parts.subject }
        set { change { $0.subject = newValue } }
    }
    /// Events with the same key are handled one after another.
    public var partitionKey: String? {
        get { storage.parts.partitionKey }
        set { change { $0.partitionKey = newValue } }
    }
    /// The event's place among those of its key, if the producer numbers them.
    public var sequence: String? {
        get { storage.parts.sequence }
        set { change { $0.sequence = newValue } }
    }
    /// Where the body's schema is described.
    public var dataSchema: String? {
        get { storage.parts.dataSchema }
        set { change { $0.dataSchema = newValue } }
    }
    /// The body's media type.
    public var contentType: String {
        get { storage.parts.contentType }
        set { change { $0.contentType = newValue } }
    }
    /// The same on every event of one business transaction.
    public var correlationID: String {
        get { storage.parts.correlationID }
        set { change { $0.correlationID = newValue } }
    }
    /// The id of the event whose handling led to this one.
    public var causationID: String? {
        get { storage.parts.causationID }
        set { change { $0.causationID = newValue } }
    }
    /// The trace that this event is part of.
    public var trace: TraceContext {
        get { storage.parts.trace }
        set { change { $0.trace = newValue } }
    }
    /// The service that published it.
    public var producer: String {
        get { storage.parts.producer }
        set { change { $0.producer = newValue } }
    }
    /// The encoded event.
    public var body: [UInt8] {
        get { storage.parts.body }
        set { change { $0.body = newValue } }
    }

    /// An envelope from its parts: for transports.
    public init(
        id: EventID, type: EventType, source: String, time: Date, subject: String? = nil, partitionKey: String? = nil,
        sequence: String? = nil, dataSchema: String? = nil, contentType: String = "application/json",
        correlationID: String, causationID: String? = nil, trace: TraceContext = TraceContext(), producer: String,
        body: [UInt8]
    ) {
        storage = Storage(
            Parts(
                id: id, type: type, source: source, time: time, subject: subject, partitionKey: partitionKey,
                sequence: sequence, dataSchema: dataSchema, contentType: contentType, correlationID: correlationID,
                causationID: causationID, trace: trace, producer: producer, body: body))
    }
}

extension Envelope {
    /// Whether all parts are the same.
    public static func == (left: Envelope, right: Envelope) -> Bool {
        left.storage === right.storage || left.storage.parts == right.storage.parts
    }

    /// Hashes all parts.
    public func hash(into hasher: inout Hasher) {
        hasher.combine(storage.parts)
    }
}
