#if canImport(FoundationEssentials)
    public import FoundationEssentials
#else
    public import Foundation
#endif

/// One message as the transport delivered it.
///
/// A copy shares its parts with the original until one of them is changed: it passes through many hands for each message.
public struct TransportDelivery: Sendable {
    private struct Parts {
        var receipt: DeliveryReceipt
        var content: Result<Envelope, MalformedMessage>
        var attempts: Int
        var unhandledCount: Int
        var deliveryCount: Int
        var isRedelivered: Bool
        var firstFailedAt: Date?
        var replayCount: Int
        var size: Int
        var comesAlone: Bool
    }

    /// Never changed once it is shared, which is what makes it sendable.
    private final class Storage: @unchecked Sendable {
        var parts: Parts

        init(_ parts: Parts) {
            self.parts = parts
        }
    }

    private var storage: Storage

    private mutating func change(_ body: (inout Parts) -> Void) {
        if !isKnownUniquelyReferenced(&storage) { storage = Storage(storage.parts) }
        body(&storage.parts)
    }

    /// By which it is settled.
    public var receipt: DeliveryReceipt {
        get { storage.parts.receipt }
        set { change { $0.receipt = newValue } }
    }
    /// The event, or why it cannot be read.
    public var content: Result<Envelope, MalformedMessage> {
        get { storage.parts.content }
        set { change { $0.content = newValue } }
    }
    /// Calls of a handler that failed so far: 0 on the first delivery.
    public var attempts: Int {
        get { storage.parts.attempts }
        set { change { $0.attempts = newValue } }
    }
    /// How often it was found to have no handler so far (`harebell-unhandled`).
    public var unhandledCount: Int {
        get { storage.parts.unhandledCount }
        set { change { $0.unhandledCount = newValue } }
    }
    /// How often the broker delivered it before; a hint at crashes, never a count of attempts.
    public var deliveryCount: Int {
        get { storage.parts.deliveryCount }
        set { change { $0.deliveryCount = newValue } }
    }
    /// Whether the broker delivered it before.
    public var isRedelivered: Bool {
        get { storage.parts.isRedelivered }
        set { change { $0.isRedelivered = newValue } }
    }
    /// When it failed for the first time.
    public var firstFailedAt: Date? {
        get { storage.parts.firstFailedAt }
        set { change { $0.firstFailedAt = newValue } }
    }
    /// How often an operator replayed it.
    public var replayCount: Int {
        get { storage.parts.replayCount }
        set { change { $0.replayCount = newValue } }
    }
    /// The body's size in bytes.
    public var size: Int {
        get { storage.parts.size }
        set { change { $0.size = newValue } }
    }
    /// Whether the transport hands out nothing else until this is settled, for it is a probe or may be deadly.
    ///
    /// Nothing is to be expected beside it, so it is not made to wait for a batch.
    public var comesAlone: Bool {
        get { storage.parts.comesAlone }
        set { change { $0.comesAlone = newValue } }
    }

    /// A delivery from its parts.
    ///
    /// `unhandledCount` has no default on purpose: a transport that drops it would retry unhandled events for ever.
    public init(
        receipt: DeliveryReceipt, content: Result<Envelope, MalformedMessage>, attempts: Int, unhandledCount: Int,
        deliveryCount: Int = 0, isRedelivered: Bool = false, firstFailedAt: Date? = nil, replayCount: Int = 0,
        size: Int, comesAlone: Bool = false
    ) {
        storage = Storage(
            Parts(
                receipt: receipt, content: content, attempts: attempts, unhandledCount: unhandledCount,
                deliveryCount: deliveryCount, isRedelivered: isRedelivered, firstFailedAt: firstFailedAt,
                replayCount: replayCount, size: size, comesAlone: comesAlone))
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
