import AMQP
import Harebell

/// What the headers of one message say about its event, found in one pass over them.
///
/// Of several spellings of an attribute the first in ``Header/acceptedPrefixes`` counts, and of several headers of one
/// name the first.
struct CloudEventAttributes {
    private(set) var specversion: String?
    private(set) var id: String?
    private(set) var type: String?
    private(set) var source: String?
    private(set) var time: String?
    private(set) var subject: String?
    private(set) var partitionkey: String?
    private(set) var sequence: String?
    private(set) var dataschema: String?
    private(set) var causationID: String?
    private(set) var trace = TraceContext()

    init(_ headers: FieldTable) {
        var isForeign = false
        for (name, value) in headers where !setKnown(name, value) {
            if name.hasPrefix(Header.cloudEventsPrefix) {
                set(name.utf8.dropFirst(Header.cloudEventsPrefix.utf8.count), value)
            } else {
                switch name {
                case Header.traceparent: if trace.traceparent == nil { trace.traceparent = value.stringValue }
                case Header.tracestate: if trace.tracestate == nil { trace.tracestate = value.stringValue }
                case Header.baggage: if trace.baggage == nil { trace.baggage = value.stringValue }
                case Header.causationID: if causationID == nil { causationID = value.stringValue }
                default: isForeign = isForeign || name.utf8.first == UInt8(ascii: "c")
                }
            }
        }
        guard isForeign else { return }
        // Other spellings fill what ours has left open.
        for prefix in Header.acceptedPrefixes.dropFirst() {
            for (name, value) in headers where name.hasPrefix(prefix) {
                set(name.utf8.dropFirst(prefix.utf8.count), value)
            }
        }
    }

    /// Headers as Harebell writes them, told by their length and then by their name; `false` for all others.
    private mutating func setKnown(_ name: String, _ value: FieldValue) -> Bool {
        switch name.utf8.count {
        case 14 where name == "cloudEvents_id": id = id ?? value.plainText
        case 16 where name == "cloudEvents_type": type = type ?? value.plainText
        case 16 where name == "cloudEvents_time": time = time ?? value.plainText
        case 18 where name == "cloudEvents_source": source = source ?? value.plainText
        case 19 where name == "cloudEvents_subject": subject = subject ?? value.plainText
        case 23 where name == "cloudEvents_specversion": specversion = specversion ?? value.plainText
        case 24 where name == "cloudEvents_partitionkey": partitionkey = partitionkey ?? value.plainText
        default: return false
        }
        return true
    }

    private mutating func set(_ name: Substring.UTF8View, _ value: FieldValue) {
        let text = value.plainText
        switch String(Substring(name)) {
        case "id": id = id ?? text
        case "source": source = source ?? text
        case "type": type = type ?? text
        case "specversion": specversion = specversion ?? text
        case "time": time = time ?? text
        case "subject": subject = subject ?? text
        case "dataschema": dataschema = dataschema ?? text
        case "partitionkey": partitionkey = partitionkey ?? text
        case "sequence": sequence = sequence ?? text
        default: break
        }
    }
}
