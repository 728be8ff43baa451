import AMQP
import Harebell

/// An event as Harebell's own publishers write it, read where it arrived: most messages, at a third of the cost.
///
/// What comes in any other form is left to ``ReceivedMessage``, which reads all of them, and this one to the same result.
struct PlainEvent {
    let envelope: Envelope
    /// How often the broker delivered it before.
    let deliveryCount: Int

    /// `nil` for what comes in another form.
    /// - Parameter names: those that many messages have in common.
    init?(_ properties: borrowing BorrowedProperties, body: [UInt8], names: inout NameCache.Names) {
        if let contentType = properties.contentType, contentType.hasPrefix("application/cloudevents") { return nil }
        var headers = Headers()
        guard properties.allHeaders({ headers.take($0, $1) }), let version = headers.specversion, version == "1.0",
            let id = headers.id?.string, let type = headers.type, let source = headers.source,
            let time = headers.time?.withBytes(Timestamp.parsePlain)
        else { return nil }
        let correlationID = properties.correlationID
        envelope = Envelope(
            id: EventID(id),
            type: EventType(unchecked: names.string(type)),
            source: names.string(source),
            time: time,
            subject: headers.subject?.string,
            partitionKey: headers.partitionkey?.string,
            sequence: headers.sequence?.string,
            dataSchema: headers.dataschema.map { names.string($0) },
            contentType: properties.contentType.map { names.string($0) } ?? "application/json",
            correlationID: correlationID.map { text in headers.id.map { text == $0 } ?? false ? id : text.string }
                ?? id,
            causationID: headers.causationID?.string,
            trace: TraceContext(
                traceparent: headers.traceparent?.string, tracestate: headers.tracestate?.string,
                baggage: headers.baggage?.string),
            producer: properties.appID.map { names.string($0) } ?? "",
            body: body)
        deliveryCount = headers.deliveryCount ?? 0
    }

    private struct Headers {
        var id: BorrowedText?
        var source: BorrowedText?
        var type: BorrowedText?
        var specversion: BorrowedText?
        var time: BorrowedText?
        var subject: BorrowedText?
        var partitionkey: BorrowedText?
        var sequence: BorrowedText?
        var dataschema: BorrowedText?
        var traceparent: BorrowedText?
        var tracestate: BorrowedText?
        var baggage: BorrowedText?
        var causationID: BorrowedText?
        var deliveryCount: Int?

        /// Takes a header, told by its length and then by its name; `false` if it is none of ours and might mean something.
        mutating func take(_ name: BorrowedText, _ value: BorrowedValue) -> Bool {
            switch name.count {
            case 14 where name == "cloudEvents_id": return keep(value, &id)
            case 16 where name == "cloudEvents_type": return keep(value, &type)
            case 16 where name == "cloudEvents_time": return keep(value, &time)
            case 18 where name == "cloudEvents_source": return keep(value, &source)
            case 19 where name == "cloudEvents_subject": return keep(value, &subject)
            case 20 where name == "cloudEvents_sequence": return keep(value, &sequence)
            case 22 where name == "cloudEvents_dataschema": return keep(value, &dataschema)
            case 23 where name == "cloudEvents_specversion": return keep(value, &specversion)
            case 24 where name == "cloudEvents_partitionkey": return keep(value, &partitionkey)
            case 11 where name == "traceparent": return keep(value, &traceparent)
            case 10 where name == "tracestate": return keep(value, &tracestate)
            case 7 where name == "baggage": return keep(value, &baggage)
            case 21 where name == "harebell-causation-id": return keep(value, &causationID)
            case 16 where name == "x-delivery-count":
                deliveryCount = deliveryCount ?? value.value.integerValue.map { Int(clamping: $0) } ?? 0
                return true
            // All spellings of CloudEvents begin like this.
            default: return !name.hasPrefix("c")
            }
        }

        private func keep(_ value: BorrowedValue, _ place: inout BorrowedText?) -> Bool {
            guard place == nil, let text = value.asciiText else { return false }
            place = text
            return true
        }
    }
}
