public import AMQP
import Harebell

/// What a worker tells of a canary: of a replayed message that asks for a word of what became of it.
///
/// The replay carries a token (`harebell-canary`), believed only when it came through the service's own exchange. As soon
/// as the first outcome is durable, the worker publishes a report through the same exchange with the key
/// `canary.<token>`, where the operator's own queue is bound. Nobody else is bound there, and a report that nobody waits
/// for goes nowhere. The message itself is worked on like any other.
public struct CanaryReport: Sendable, Hashable {
    /// What became of the canary at first.
    public enum Outcome: String, Sendable, Hashable {
        /// Its handler returned, or it had been handled before.
        case handled
        /// It failed, or was not called, and waits for a retry.
        case retried
        /// It is a dead letter again.
        case deadLettered = "dead-lettered"
    }

    /// What became of it.
    public let outcome: Outcome
    /// The event's id.
    public let id: String?
    /// The error's type, if it failed.
    public let errorType: String?
    /// The error's words, if it failed.
    public let errorMessage: String?

    init(_ outcome: Outcome, id: String?, record: FailureRecord? = nil) {
        self.outcome = outcome
        self.id = id
        errorType = record?.errorType.prefix(utf8Bytes: FailureRecord.maximumNameBytes)
        errorMessage = record?.errorMessage.prefix(utf8Bytes: FailureRecord.maximumMessageBytes)
    }

    /// Reads a report; nil if it is none.
    public init?(_ delivery: Delivery) {
        guard let properties = try? delivery.properties(),
            let outcome = properties.headers[Header.canaryOutcome]?.stringValue.flatMap(Outcome.init(rawValue:))
        else { return nil }
        self.outcome = outcome
        id = properties.messageID
        errorType = properties.headers[Header.errorType]?.stringValue
        errorMessage = properties.headers[Header.errorMessage]?.stringValue
    }

    /// The key with which reports of the canaries of `token` come.
    public static func routingKey(_ token: String) -> String { "canary.\(token)" }

    /// Whether a token may become part of a routing key: a UUID, or what looks like one.
    static func isToken(_ text: String) -> Bool {
        (1...64).contains(text.utf8.count)
            && text.utf8.allSatisfy { byte in
                switch byte {
                case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "-"):
                    true
                default: false
                }
            }
    }

    func message(exchange: String, token: String) -> OutgoingMessage {
        var properties = BasicProperties()
        properties.messageID = id
        properties.headers[Header.canaryOutcome] = .string(outcome.rawValue)
        properties.headers[Header.errorType] = errorType.map { .string($0) }
        properties.headers[Header.errorMessage] = errorMessage.map { .string($0) }
        return OutgoingMessage(
            exchange: exchange, routingKey: Self.routingKey(token), properties: properties, body: [], mandatory: false)
    }
}
