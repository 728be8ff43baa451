/// Signed webhooks as in the Standard Webhooks specification 1.0 (symmetric signatures, `v1`).
///
/// A request carries `webhook-id`, `webhook-timestamp` (seconds since 1970) and `webhook-signature`, a list of
/// `v1,base64(HMAC-SHA256(secret, id.timestamp.body))` separated by spaces. One signature per secret, so a secret is
/// rotated by signing with the old and the new one for a while.
public enum StandardWebhooks {
    /// The names of the three header fields.
    public enum HeaderName {
        /// The field with the message's id, the same for every attempt to deliver it.
        public static let id = "webhook-id"
        /// The field with the time of this attempt.
        public static let timestamp = "webhook-timestamp"
        /// The field with the signatures.
        public static let signature = "webhook-signature"
    }

    /// What a signed request carries in its header fields.
    public struct Headers: Sendable, Hashable {
        /// The value of `webhook-id`.
        public var id: String
        /// The value of `webhook-timestamp`.
        public var timestamp: String
        /// The value of `webhook-signature`.
        public var signature: String

        /// The headers of a received request, as they came.
        public init(id: String, timestamp: String, signature: String) {
            self.id = id
            self.timestamp = timestamp
            self.signature = signature
        }

        /// Names and values, ready for a request.
        public var fields: [(name: String, value: String)] {
            [(HeaderName.id, id), (HeaderName.timestamp, timestamp), (HeaderName.signature, signature)]
        }
    }

    static func signature(id: String, timestamp: String, body: [UInt8], secret: Secret) -> String {
        let signed = Array("\(id).\(timestamp).".utf8) + body
        return "v1," + Base64.encode(HMACSHA256.authenticationCode(for: signed, key: secret.key))
    }
}
