/// A message as it arrived; owns its bytes.
struct ReceivedMessage: Sendable {
    var info: DeliveryInfo
    /// The encoded properties: flags, then values.
    var properties: [UInt8]
    var body: [UInt8]
    /// How many bytes the publisher's body has; more than `body` when it was over the limit.
    var bodySize: UInt64

    var isTruncated: Bool { bodySize != UInt64(body.count) }
}
