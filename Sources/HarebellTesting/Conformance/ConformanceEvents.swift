import Harebell

/// What the scenarios publish.
struct Opened: Event, Hashable {
    static let eventType: EventType = "conformance.opened"
    var number: Int
    var key: String?
    var text = ""
    var partitionKey: String? { key }
    var subject: String? { text.isEmpty ? nil : text }
}

/// What they publish besides.
struct Closed: Event, Hashable {
    static let eventType: EventType = "conformance.closed"
    var number: Int
}

/// The error of handlers that fail.
struct NotYet: Error, CustomStringConvertible {
    var description: String { "not yet" }
}
