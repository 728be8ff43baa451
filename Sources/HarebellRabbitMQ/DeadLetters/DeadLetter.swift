public import AMQP
import Harebell

#if canImport(FoundationEssentials)
    public import FoundationEssentials
#else
    public import Foundation
#endif

/// A message in a dead-letter queue, as an operator sees it.
///
/// Written by a service (`harebell-*` headers) or moved by the broker (only `x-death`).
public struct DeadLetter: Sendable {
    /// Why it is here.
    public struct Reason: Sendable, Hashable, CustomStringConvertible {
        /// `exhausted`, `permanent`, `poison`, `unhandled`, `expired`, `crash`, `broker` or `unrouted`.
        public let rawValue: String

        /// The delivery limit was reached: the message killed its consumer, again and again.
        public static let crash = Reason(rawValue: "crash")
        /// A time to live ran out.
        public static let expired = Reason(rawValue: "expired")
        /// The broker moved it for another reason.
        public static let broker = Reason(rawValue: "broker")
        /// No queue was bound to its exchange when it was published.
        public static let unrouted = Reason(rawValue: "unrouted")

        init(rawValue: String) {
            self.rawValue = rawValue
        }

        /// The reason's name.
        public var description: String { rawValue }
    }

    /// The event's id, or nil when the message names none.
    public let id: String?
    /// The event's type, as far as the message tells.
    public let type: String
    /// Why it is here.
    public let reason: Reason
    /// Whether the broker moved it: no service gave up and wrote why.
    public let isMovedByBroker: Bool
    /// The type of the last error, or nil when the broker moved the message.
    public let errorType: String?
    /// The message of the last error: hostile text, to be escaped where it is shown.
    public let errorMessage: String?
    /// Equal for failures that look the same.
    public let errorFingerprint: String?
    /// Calls of the handler that failed.
    public let attempts: Int
    /// How often it was replayed before.
    public let replayCount: Int
    /// When it failed first.
    public let firstFailedAt: Date?
    /// When it was dead-lettered.
    public let failedAt: Date?
    /// The service that failed.
    public let service: String?
    /// The handler that failed.
    public let handler: String?
    /// The host on which it failed.
    public let host: String?
    /// The exchange its first delivery came through.
    public let originExchange: String?
    /// The correlation id.
    public let correlationID: String?
    /// Its properties as received, or nil when they cannot be decoded.
    public let properties: BasicProperties?
    /// Its body, untouched; empty if ``isTruncated``.
    public let body: [UInt8]
    /// The body's size in bytes.
    public let bodySize: UInt64

    /// Whether the body is larger than the connection takes (`AMQPConfiguration.maximumBodySize`) and was not read.
    public var isTruncated: Bool { bodySize != UInt64(body.count) }

    /// Reads a message of a dead-letter queue.
    ///
    /// Total: whatever was sent, there is something to show.
    public init(_ delivery: Delivery) {
        if let properties = try? delivery.properties() {
            self.init(properties: properties, body: delivery.body, bodySize: delivery.bodySize)
        } else {
            self.init(unreadable: delivery, reason: .broker)
        }
    }

    /// Reads an event from the queue `unrouted`: what its publisher claims about failures is not believed.
    ///
    /// - Parameter delivery: From the queue ``Topology/unroutedName``.
    public init(unrouted delivery: Delivery) {
        if var properties = try? delivery.properties() {
            let received = properties
            properties.headers = FieldTable()
            for (name, value) in received.headers where !name.hasPrefix(Header.prefix) && name != "x-death" {
                properties.headers[name] = value
            }
            self.init(
                properties: properties, body: delivery.body, bodySize: delivery.bodySize, reason: .unrouted,
                originExchange: delivery.exchange, received: received)
        } else {
            self.init(unreadable: delivery, reason: .unrouted, originExchange: delivery.exchange)
        }
    }

    init(
        properties: BasicProperties, body: [UInt8], bodySize: UInt64? = nil, reason known: Reason? = nil,
        originExchange exchange: String? = nil, received: BasicProperties? = nil
    ) {
        let headers = properties.headers
        let death = BrokerDeath(headers: headers)
        func text(_ name: String) -> String? { headers[name]?.stringValue }
        self.properties = received ?? properties
        self.body = body
        self.bodySize = bodySize ?? UInt64(body.count)
        id = text(Header.cloudEventsPrefix + "id") ?? properties.messageID
        type =
            text(Header.cloudEventsPrefix + "type") ?? properties.type ?? text(Header.originExchange)
            ?? death?.exchange ?? exchange ?? "unknown"
        // A service wrote its reason before the message came here; x-death without one means that the broker moved it.
        isMovedByBroker = headers[Header.reason] == nil
        reason = known ?? text(Header.reason).map(Reason.init(rawValue:)) ?? death?.reason ?? .broker
        errorType = text(Header.errorType)
        errorMessage = text(Header.errorMessage)
        errorFingerprint = text(Header.errorFingerprint)
        attempts = Int(min(max(headers[Header.attempt]?.integerValue ?? 0, 0), 1_000_000))
        replayCount = Int(min(max(headers[Header.replayCount]?.integerValue ?? 0, 0), 1_000_000))
        firstFailedAt = text(Header.firstFailedAt).flatMap(Timestamp.parse)
        failedAt = text(Header.failedAt).flatMap(Timestamp.parse) ?? death?.time
        service = text(Header.service)
        handler = text(Header.handler)
        host = text(Header.host)
        originExchange = exchange ?? text(Header.originExchange) ?? death?.exchange
        correlationID = properties.correlationID
    }

    private init(unreadable delivery: Delivery, reason: Reason, originExchange: String? = nil) {
        properties = nil
        body = delivery.body
        bodySize = delivery.bodySize
        id = nil
        type = originExchange ?? "unknown"
        isMovedByBroker = true
        self.reason = reason
        errorType = "MalformedMessage"
        errorMessage = "its properties cannot be decoded"
        errorFingerprint = nil
        attempts = 0
        replayCount = 0
        firstFailedAt = nil
        failedAt = nil
        service = nil
        handler = nil
        host = nil
        self.originExchange = originExchange
        correlationID = nil
    }
}

/// The newest entry of `x-death`, which the broker writes when it moves a message itself.
private struct BrokerDeath {
    let reason: DeadLetter.Reason
    let exchange: String?
    let time: Date?

    init?(headers: FieldTable) {
        guard case .array(let deaths) = headers["x-death"], case .table(let newest) = deaths.first else { return nil }
        switch newest["reason"]?.stringValue {
        case "delivery_limit": reason = .crash
        case "expired": reason = .expired
        default: reason = .broker
        }
        exchange = newest["exchange"]?.stringValue
        if case .timestamp(let seconds) = newest["time"], seconds < 253_402_300_800 {
            time = Date(timeIntervalSince1970: Double(seconds))
        } else {
            time = nil
        }
    }
}
