public import AMQP
public import Harebell

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

extension Envelope {
    /// The message that publishes this event: to the exchange of its type, persistent and mandatory.
    public var outgoingMessage: OutgoingMessage {
        OutgoingMessage(exchange: type.rawValue, routingKey: "", properties: basicProperties, body: body)
    }

    /// The properties of this event in CloudEvents' binary mode (AMQP protocol binding 1.0 §3.1).
    var basicProperties: BasicProperties {
        var headers: FieldTable = [:]
        func set(_ name: String, _ value: String?) {
            if let value { headers[Header.cloudEventsPrefix + name] = .string(value) }
        }
        set("id", id.rawValue)
        set("source", source)
        set("type", type.rawValue)
        set("specversion", "1.0")
        set("time", Timestamp.format(time))
        set("subject", subject)
        set("dataschema", dataSchema)
        set("partitionkey", partitionKey)
        set("sequence", sequence)
        if let value = trace.traceparent { headers[Header.traceparent] = .string(value) }
        if let value = trace.tracestate { headers[Header.tracestate] = .string(value) }
        if let value = trace.baggage { headers[Header.baggage] = .string(value) }
        if let causationID { headers[Header.causationID] = .string(causationID) }

        var properties = BasicProperties()
        properties.messageID = id.rawValue
        properties.correlationID = correlationID
        properties.type = type.rawValue
        properties.contentType = contentType
        // Up to the year 9999, as everywhere: an infinite date is a number too.
        properties.timestamp = UInt64(max(0, min(time.timeIntervalSince1970, 253_402_300_799)))
        properties.appID = producer
        properties.deliveryMode = 2
        properties.headers = headers
        return properties
    }
}

/// A message as it arrived, before anything in it is believed.
struct ReceivedMessage {
    /// The exchange it was delivered through.
    let exchange: String
    /// Its properties and headers.
    let properties: BasicProperties
    /// Its body, untouched.
    let body: [UInt8]
    /// Whether it came through the service's own exchange, so that its `harebell-*` headers can be believed.
    let isOwn: Bool

    /// Reads the event: CloudEvents binary or structured mode, or a foreign producer's message without any of it.
    ///
    /// - Throws: `MalformedMessage` for an unsupported CloudEvents version or a structured message that is not one.
    func envelope(now: Date = .init()) throws(MalformedMessage) -> Envelope {
        let contentType = properties.contentType ?? "application/json"
        if contentType.hasPrefix("application/cloudevents") {
            return try structured(contentType: contentType, now: now)
        }
        let attributes = CloudEventAttributes(properties.headers)
        if let version = attributes.specversion, !version.hasPrefix("1.") {
            throw MalformedMessage(
                message: "CloudEvents version '\(version.prefix(16))' is not supported", id: properties.messageID)
        }
        let id = attributes.id ?? properties.messageID ?? EventID.make().rawValue
        return Envelope(
            id: EventID(id),
            type: EventType(unchecked: attributes.type ?? properties.type ?? fallbackType),
            source: attributes.source ?? defaultSource,
            time: attributes.time.flatMap(Timestamp.parse) ?? timestamp ?? now,
            subject: attributes.subject,
            partitionKey: attributes.partitionkey,
            sequence: attributes.sequence,
            dataSchema: attributes.dataschema,
            contentType: contentType,
            correlationID: properties.correlationID ?? id,
            causationID: attributes.causationID,
            trace: attributes.trace,
            producer: properties.appID ?? "",
            body: body)
    }

    private func structured(contentType: String, now: Date) throws(MalformedMessage) -> Envelope {
        let event: StructuredCloudEvent
        do {
            event = try StructuredCloudEvent(parsing: body)
        } catch {
            throw MalformedMessage(
                message: "the body is not a structured CloudEvent: \(error)", id: properties.messageID)
        }
        let attributes = event.attributes
        guard attributes.specversion.hasPrefix("1.") else {
            throw MalformedMessage(
                message: "CloudEvents version '\(attributes.specversion.prefix(16))' is not supported",
                id: attributes.id)
        }
        return Envelope(
            id: EventID(attributes.id),
            type: EventType(unchecked: attributes.type),
            source: attributes.source,
            time: attributes.time.flatMap(Timestamp.parse) ?? timestamp ?? now,
            subject: attributes.subject,
            partitionKey: attributes.partitionkey,
            sequence: attributes.sequence,
            dataSchema: attributes.dataschema,
            contentType: attributes.datacontenttype ?? "application/json",
            correlationID: properties.correlationID ?? attributes.id,
            causationID: properties.headers[Header.causationID]?.stringValue,
            trace: trace,
            producer: properties.appID ?? "",
            body: event.data)
    }

    /// The type of a message that names none: where it was first published to.
    private var fallbackType: String {
        if isOwn, let origin = properties.headers[Header.originExchange]?.stringValue { return origin }
        return exchange
    }

    private var defaultSource: String {
        properties.appID.map { "/\($0)" } ?? "/unknown"
    }

    private var timestamp: Date? {
        properties.timestamp.flatMap { $0 < 253_402_300_800 ? Date(timeIntervalSince1970: Double($0)) : nil }
    }

    private var trace: TraceContext {
        TraceContext(
            traceparent: properties.headers[Header.traceparent]?.stringValue,
            tracestate: properties.headers[Header.tracestate]?.stringValue,
            baggage: properties.headers[Header.baggage]?.stringValue)
    }
}
