import Synchronization

/// A message as it arrived; owns its bytes.
///
/// An object, so that it costs one reference on its way through queues to its task.
final class ReceivedMessage: Sendable {
    let info: DeliveryInfo
    /// The encoded properties: flags, then values.
    let properties: [UInt8]
    let body: [UInt8]
    /// How many bytes the publisher's body has; more than `body` when it was over the limit.
    let bodySize: UInt64
    private let isSettled = Atomic(false)
    /// Where the memory of a large body goes.
    private let spareBodies: SpareBodies?

    init(
        info: DeliveryInfo, properties: [UInt8], body: [UInt8], bodySize: UInt64, spareBodies: SpareBodies? = nil
    ) {
        self.info = info
        self.properties = properties
        self.body = body
        self.bodySize = bodySize
        self.spareBodies = spareBodies
    }

    deinit {
        spareBodies?.give(body)
    }

    var isTruncated: Bool { bodySize != UInt64(body.count) }

    /// Whether the caller is the first who wants to settle it.
    func beginSettling() -> Bool {
        !isSettled.exchange(true, ordering: .relaxed)
    }
}
