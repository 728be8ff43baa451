#if canImport(FoundationEssentials)
    public import FoundationEssentials
#else
    public import Foundation
#endif

/// One message as the transport delivered it.
public struct TransportDelivery: Sendable {
    /// By which it is settled.
    public var receipt: DeliveryReceipt
    /// The event, or why it cannot be read.
    public var content: Result<Envelope, MalformedMessage>
    /// Calls of a handler that failed so far: 0 on the first delivery.
    public var attempts: Int
    /// How often it was found to have no handler so far (`harebell-unhandled`).
    public var unhandledCount: Int
    /// How often the broker delivered it before; a hint at crashes, never a count of attempts.
    public var deliveryCount: Int
    /// Whether the broker delivered it before.
    public var isRedelivered: Bool
    /// When it failed for the first time.
    public var firstFailedAt: Date?
    /// How often an operator replayed it.
    public var replayCount: Int
    /// The body's size in bytes.
    public var size: Int
    /// Whether the transport hands out nothing else until this is settled, for it is a probe or may be deadly.
    ///
    /// Nothing is to be expected beside it, so it is not made to wait for a batch.
    public var comesAlone: Bool

    /// A delivery from its parts.
    ///
    /// `unhandledCount` has no default on purpose: a transport that drops it would retry unhandled events for ever.
    public init(
        receipt: DeliveryReceipt, content: Result<Envelope, MalformedMessage>, attempts: Int, unhandledCount: Int,
        deliveryCount: Int = 0, isRedelivered: Bool = false, firstFailedAt: Date? = nil, replayCount: Int = 0,
        size: Int, comesAlone: Bool = false
    ) {
        self.receipt = receipt
        self.content = content
        self.attempts = attempts
        self.unhandledCount = unhandledCount
        self.deliveryCount = deliveryCount
        self.isRedelivered = isRedelivered
        self.firstFailedAt = firstFailedAt
        self.replayCount = replayCount
        self.size = size
        self.comesAlone = comesAlone
    }
}

/// Names one delivery to its transport: which subscription it came from, and its tag there.
public struct DeliveryReceipt: Sendable, Hashable {
    /// The subscription: a tag means nothing in another one.
    public let epoch: UInt64
    /// The delivery within it.
    public let tag: UInt64

    /// A receipt from its parts.
    public init(epoch: UInt64, tag: UInt64) {
        self.epoch = epoch
        self.tag = tag
    }
}

/// A message that is not an event: it becomes a dead letter, and nothing else is touched.
public struct MalformedMessage: Error, Sendable, Hashable, CustomStringConvertible {
    /// What is wrong with it; never its content.
    public let message: String
    /// Its id, if it has one.
    public let id: String?

    /// Makes the error.
    public init(message: String, id: String? = nil) {
        self.message = message
        self.id = id
    }

    /// What is wrong with it.
    public var description: String { message }
}
