/// Something that has happened, as a value that services exchange.
///
/// ```swift
/// struct LoanPaidOut: Event {
///     static let eventType: EventType = "loan.paid-out"
///     var loanID: String
///     var partitionKey: String? { loanID }
/// }
/// ```
/// The value travels as JSON; dates are ISO 8601 with milliseconds. Amounts of money belong in integers of the
/// currency's minor unit, never in floating point.
public protocol Event: Codable, Sendable {
    /// The name under which this kind of event is published and subscribed to.
    static var eventType: EventType { get }
    /// Events with the same key are handled one after another; `nil` means that order does not matter.
    var partitionKey: String? { get }
    /// What the event is about, in CloudEvents' sense: usually the id of the thing that changed.
    var subject: String? { get }
}

extension Event {
    /// No order among events, unless the event says otherwise.
    public var partitionKey: String? { nil }
    /// No subject, unless the event says otherwise.
    public var subject: String? { nil }
}
